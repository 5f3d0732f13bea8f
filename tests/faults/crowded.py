"""A worker of which the system asks too much: its poller refuses every third connection."""

import errno
import itertools
import selectors
from typing import Any

from gunicorn.workers.gthread import TConn  # type: ignore[import-untyped]

from ledgerlink.worker import PatientWorker


class CrowdedPoller(selectors.DefaultSelector):
    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(1)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if isinstance(data, TConn) and next(self._numbers) % 3 == 0:
            raise OSError(errno.ENOSPC, "no more may be watched")
        return super().register(fileobj, events, data)


class CrowdedWorker(PatientWorker):
    def run(self) -> None:
        self.poller = CrowdedPoller()
        super().run()
