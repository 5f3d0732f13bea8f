"""A client's connection: what has come of its request, and what it has not taken of its answer."""

import socket
import threading
from select import POLLIN, POLLOUT, poll
from selectors import EVENT_READ
from typing import Any

from gunicorn.workers.gthread import TConn  # type: ignore[import-untyped]

from ledgerlink.arriving import CHUNK, Arriving
from ledgerlink.steady_socket import SteadySocket


class ClientGone(Exception):
    """It has closed its end, or cannot be reached."""


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """Behind TLS of gunicorn's own, which only a read that waits can decrypt, nothing is kept."""

    def __init__(
        self, cfg: Any, accepted: socket.socket, client: Any, waiters: threading.Semaphore
    ) -> None:
        server = accepted.getsockname()
        super().__init__(cfg, SteadySocket.of(accepted, waiters), client, server)
        self.arriving = Arriving()
        self.is_answered_last = False  # nothing more is read
        self.is_leaving = False
        self.event = EVENT_READ  # that it waits for in the poller

    @property
    def unsent(self) -> bytearray:
        """What it was answered and has not taken."""
        return self.sock.unsent if isinstance(self.sock, SteadySocket) else bytearray()

    @property
    def held(self) -> int:
        """Bytes that wait for the client."""
        return len(self.arriving.received) + len(self.unsent)

    def has_arrived(self) -> bool:
        """Whether a whole request has; reads what is there, without waiting. Raises ClientGone,
        also when only a part of a request came before: nobody knows what the rest would say."""
        if self.cfg.is_ssl:
            return True
        try:
            if self.arriving.received and self.arriving.is_whole(self.sock):
                return True
            chunk = self.sock.recv(CHUNK, socket.MSG_DONTWAIT)
            if not chunk:
                raise ClientGone
            self.arriving.add(chunk)
            if self.arriving.is_whole(self.sock):
                return True
            self.sock.push()  # the permission that a client may ask for, to go on
        except BlockingIOError:
            return False
        except OSError as error:
            raise ClientGone from error
        return False

    def has_sent(self) -> bool:
        """Sends what the client takes of its answer, without waiting. Raises ClientGone."""
        try:
            return not self.unsent or self.sock.push()
        except OSError as error:
            raise ClientGone from error

    def end_answer(self) -> None:
        if isinstance(self.sock, SteadySocket):
            self.sock.end_answer()

    def is_ready(self) -> bool:
        """Whether what it waits for has come."""
        waiting = poll()
        waiting.register(self.sock, POLLIN if self.event == EVENT_READ else POLLOUT)
        return bool(waiting.poll(0))
