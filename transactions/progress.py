"""What a long command shows while it works, and how it is stopped between two steps."""

import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from django.core.management.base import OutputWrapper
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

PLAIN_SECONDS = 5.0  # between two lines where there is no terminal

Advance = Callable[[int, str], None]  # how far of the total, and a few words


@contextmanager
def progress(
    out: OutputWrapper, label: str, total: int, *, hidden: bool = False
) -> Iterator[Advance]:
    """A bar while `out` is the terminal, else a line every few seconds; nothing if `hidden`."""
    if hidden:
        yield lambda _done, _words: None
    elif out.isatty():
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[words]}"),
        )
        with Progress(*columns, console=Console(file=sys.stdout)) as bar:
            task = bar.add_task(label, total=total, words="")
            yield lambda done, words: bar.update(task, completed=done, words=words)
    else:
        yield _Lines(out, label, total).advance


class _Lines:
    def __init__(self, out: OutputWrapper, label: str, total: int) -> None:
        self._out = out
        self._label = label
        self._total = total
        self._next = time.monotonic() + PLAIN_SECONDS

    def advance(self, done: int, words: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + PLAIN_SECONDS
            percent = 100 * done // max(self._total, 1)
            self._out.write(f"{self._label}: {percent}%, {words}\n")
            self._out.flush()


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C (or SIGTERM) sets; the second one acts as usual.

    Outside the main thread, where signals can't be handled, it stays unset.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def request(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        put_back()

    for number in before:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        put_back()
