"""Workers of which the system asks too much, as gunicorn's `--worker-class`."""

import errno
import itertools
import selectors
from collections.abc import Iterator
from typing import Any

from ledgerlink import steady_socket, worker
from ledgerlink.connection import Connection
from ledgerlink.worker import PatientWorker


class CrowdedPoller(selectors.DefaultSelector):
    """Refuses every third new connection."""

    def __init__(self) -> None:
        super().__init__()
        self._numbers = itertools.count(1)

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        is_new = isinstance(data, Connection) and data.parser is None
        if is_new and next(self._numbers) % 3 == 0:
            raise OSError(errno.ENOSPC, "no more may be watched")
        return super().register(fileobj, events, data)


class CrowdedWorker(PatientWorker):
    def run(self) -> None:
        self.poller = CrowdedPoller()
        super().run()


class NarrowWorker(PatientWorker):
    """Of requests and answers that wait, it has room for one large one."""

    def init_process(self) -> None:
        worker.WAITING_BYTES = 2_000_000
        super().init_process()


class ImpatientWorker(PatientWorker):
    """It keeps little of an answer, so that a thread has to wait for the client."""

    def init_process(self) -> None:
        steady_socket.KEPT = 300_000
        super().init_process()


class FailingWorker(PatientWorker):
    """Something fails behind each answer."""

    wsgi: Any

    def load_wsgi(self) -> None:
        super().load_wsgi()
        serve = self.wsgi

        def failing(environ: Any, start_response: Any) -> Iterator[bytes]:
            yield from serve(environ, start_response)
            raise RuntimeError("behind the answer")

        self.wsgi = failing
