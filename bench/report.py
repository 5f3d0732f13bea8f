"""A large report of the back-office, asked for beside other work."""

import http.client
import threading
import time
from types import TracebackType
from typing import Self

from bench.stage import Stage

PATH = "/admin/transactions/transaction/export.csv"
PART = 65_536  # bytes
SECONDS = 20.0


class Report:
    """The export of every transaction, read while the block runs, for at most 20 seconds."""

    def __init__(self, stage: Stage) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", stage.server.port, timeout=60)
        self._cookie = stage.cookie
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self.bytes = 0
        self.seconds = 0.0

    def __enter__(self) -> Self:
        self._connection.request("GET", PATH, headers={"Cookie": self._cookie})
        self._response = self._connection.getresponse()
        assert self._response.status == http.client.OK, self._response.status
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._over.set()
        self._thread.join()
        self._connection.close()

    def _read(self) -> None:
        started = time.perf_counter()
        while not self._over.is_set() and self.seconds < SECONDS:
            part = self._response.read(PART)
            self.bytes += len(part)
            self.seconds = time.perf_counter() - started
            if not part:
                break
