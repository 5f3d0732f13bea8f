"""The worker that serves: gunicorn's threads, which get a request only once all of it is there.

A client that sends or reads slowly costs a connection, never a thread, so that hundreds of them
hold up nobody. gunicorn's own worker lends each a thread for as long as it likes, and waits for
each that does not close its end in the loop that serves all others.
"""

import re
import selectors
import socket
import time
from collections import deque
from contextlib import suppress
from functools import partial
from typing import Any

from django.conf import settings
from gunicorn.workers.gthread import (  # type: ignore[import-untyped]
    STOP_KEEPALIVE_LINGER,
    ThreadWorker,
)

REQUEST_SECONDS = 30.0  # from the first byte to the last
LINGER_SECONDS = 2.0  # for the client to read its last answer and close
CHUNK = 64 * 1024  # bytes read at once, and the longest head that is waited for
WAITING_BYTES = 64 * 1024 * 1024  # of all requests that are not whole yet

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*0*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_CONTINUE = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_BLANK = re.compile(rb"[\r\n]*")


class Arriving:
    """What has come of a request, and how many bytes it will have."""

    def __init__(self, received: bytes) -> None:
        self.received = bytearray(received)
        self.size = 0  # 0: the head is not whole
        self.is_refused = False  # before its body is read

    def is_whole(self, connection: socket.socket) -> bool:
        """Also when there is no sense in waiting for the rest."""
        if not self.size:
            head = self._head()
            if not head:
                return len(self.received) > CHUNK
            self.size = len(head) + self._length(head, connection)
        return len(self.received) >= self.size

    def _head(self) -> bytes:
        """Empty until it is whole. Empty lines may come before it."""
        blank = _BLANK.match(self.received)
        end = self.received.find(b"\r\n\r\n", blank.end() if blank else 0)
        return b"" if end < 0 else bytes(self.received[: end + 4])

    def _length(self, head: bytes, connection: socket.socket) -> int:
        """Bytes of the body that are waited for."""
        announced = _LENGTH.search(head)
        length = int(announced[1]) if announced else 0
        if length > settings.MAX_BODY_BYTES or b"\r\ntransfer-encoding:" in head.lower():
            self.is_refused = True
            return 0
        if _CONTINUE.search(head) and len(self.received) < len(head) + length:
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return length


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    alive: bool

    def init_process(self) -> None:
        self._lingering: deque[Any] = deque()
        super().init_process()

    def is_parent_alive(self) -> bool:
        """A worker whose master is gone ends as it does when told to: it keeps no connection."""
        self.alive = self.alive and bool(super().is_parent_alive())
        return bool(self.alive)

    def enqueue_req(self, conn: Any) -> None:
        """Of a connection that is new, has more to read, or has read ahead."""
        if self.cfg.is_ssl:  # only a thread can decrypt it
            super().enqueue_req(conn)
            return
        conn.init()
        conn.close = partial(self._close, conn)
        conn.arriving = Arriving(conn.parser.unreader.take_buffered())
        if self._has_arrived(conn):
            self._hand_over(conn)
            return
        patience = REQUEST_SECONDS if self.alive else STOP_KEEPALIVE_LINGER
        conn.timeout = time.monotonic() + patience
        self.pending_conns.append(conn)
        self.poller.register(
            conn.sock, selectors.EVENT_READ, partial(self.on_pending_socket_readable, conn)
        )

    def on_pending_socket_readable(self, conn: Any, client: Any) -> None:
        if self._has_arrived(conn):
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            self._hand_over(conn)

    def _hand_over(self, conn: Any) -> None:
        conn.parser.unreader.unread(bytes(conn.arriving.received))
        conn.arriving.received.clear()
        super().enqueue_req(conn)

    def _has_arrived(self, conn: Any) -> bool:
        """Reads what is there, without waiting. True as well when the client is gone."""
        arriving: Arriving = conn.arriving
        conn.sock.setblocking(False)
        try:
            if arriving.received and arriving.is_whole(conn.sock):
                return True
            chunk = conn.sock.recv(CHUNK)
            arriving.received += chunk
            return not chunk or arriving.is_whole(conn.sock) or self._is_too_much(arriving)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _is_too_much(self, arriving: Arriving) -> bool:
        if len(arriving.received) < CHUNK:
            return False
        waiting = sum(len(conn.arriving.received) for conn in self.pending_conns)
        return waiting > WAITING_BYTES

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:  # noqa: FBT001 - gunicorn's
        """Not after a body that nobody will read: gunicorn would wait for it."""
        refused = not self.cfg.is_ssl and conn.arriving.is_refused
        return not refused and bool(super()._keepalive_after(conn, keepalive))

    def _cap_keepalive(self, deadline: float) -> None:
        """A worker that ends waits no longer for requests that are not whole."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)

    def _close(self, conn: Any, graceful: bool = False) -> None:  # noqa: FBT001, FBT002 - gunicorn's
        """Graceful: after the client has closed, which it does once it has read its answer. What
        it still sends is thrown away; closing on it would make the client lose the answer."""
        with suppress(OSError):
            if graceful:
                conn.sock.setblocking(False)
                conn.sock.shutdown(socket.SHUT_WR)
                conn.timeout = time.monotonic() + LINGER_SECONDS
                self.poller.register(
                    conn.sock, selectors.EVENT_READ, partial(self._throw_away, conn)
                )
                self._lingering.append(conn)
                return
        conn.sock.close()

    def _throw_away(self, conn: Any, client: Any) -> None:
        with suppress(OSError):
            if conn.sock.recv(CHUNK):
                return
        self._lingering.remove(conn)
        self._let_go(conn)

    def murder_pending(self) -> None:
        super().murder_pending()
        now = time.monotonic()
        while self._lingering and self._lingering[0].timeout <= now:
            self._let_go(self._lingering.popleft())

    def _let_go(self, conn: Any) -> None:
        self.poller.unregister(conn.sock)
        conn.sock.close()
