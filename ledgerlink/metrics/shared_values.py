"""The values of metrics, counted in memory and shared with the other processes twice a second.

prometheus_client's multiprocess mode writes to a file at each count, under one lock for all threads
of the process. Here each value is counted under a lock of its own, and a thread writes what has
changed. Who is killed with SIGKILL loses what it counted since.
"""

import atexit
import threading
from collections.abc import Callable
from typing import Any

from prometheus_client import values

from ledgerlink.metrics.recording import unfailing

WRITE_SECONDS = 0.5


class SharedValues:
    """Makes the values of all metrics of this process, as prometheus_client's `ValueClass`.

    `slot` names the files of the process; it may change by a fork, and then `begin` must follow.
    """

    def __init__(self, slot: Callable[[], str]) -> None:
        self._file_value = values.MultiProcessValue(process_identifier=slot)
        self._made: list[_SharedValue] = []
        self._writing = threading.Lock()

    def __call__(self, *params: Any, **options: Any) -> values.MutexValue:
        value = _SharedValue(self._file_value(*params, **options))
        self._made.append(value)
        return value

    def begin(self) -> None:
        """Count on from what the files of this process hold, and write to them from now on."""
        for value in self._made:
            value.read()
        threading.Thread(target=self._write_for_ever, name="metrics-writer", daemon=True).start()
        atexit.register(self.write)

    @unfailing
    def write(self) -> None:
        """What could not be written (a disk may be full) is the next time."""
        with self._writing:
            for value in self._made:
                value.write()

    def _write_for_ever(self) -> None:
        pause = threading.Event()
        while not pause.wait(WRITE_SECONDS):
            self.write()


class _SharedValue(values.MutexValue):
    _multiprocess = True

    def __init__(self, in_file: Any) -> None:
        super().__init__(*[None] * 6)  # type: ignore[no-untyped-call]  # which only the file tells
        self._in_file = in_file
        self.read()

    def read(self) -> None:
        self._value = self._written = self._in_file.get()

    def write(self) -> None:
        value = self._value
        if value != self._written:
            self._in_file.set(value)
            self._written = value
