"""The worker that serves: threads that take turns at the poller, and serve whole requests only.

The thread whose turn it is takes a connection that has something to read and ends its turn. It
reads what is there, without waiting, and serves the request if all of it has come; if not, the
connection goes back to the poller, as it does with what its client has not taken of an answer. So a
client that sends or reads slowly costs a connection, never a thread, and no request is handed from
one thread to another, which takes Python longer than many a request does.
"""

import os
import selectors
import socket
import threading
import time
from collections import deque
from select import select
from typing import Any

from gunicorn import util  # type: ignore[import-untyped]
from gunicorn.glogging import Logger  # type: ignore[import-untyped]
from gunicorn.workers.gthread import (  # type: ignore[import-untyped]
    STOP_KEEPALIVE_LINGER,
    TConn,
    ThreadWorker,
)

from ledgerlink.arriving import CHUNK, Arriving
from ledgerlink.steady_socket import SteadySocket

REQUEST_SECONDS = 30.0  # from the first byte to the last
ANSWER_SECONDS = 30.0  # until the client takes more of its answer
REST_SECONDS = 0.002  # between two new connections, while another process may take one
LINGER_SECONDS = 2.0  # for the client to read its last answer and close
WAITING_BYTES = 64 * 1024 * 1024  # of all requests that are not whole yet, and of all answers


class QuietLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """The application writes the line of a request. Where nobody asks for gunicorn's own, it would
    gather one that goes nowhere."""

    def access(self, resp: Any, req: Any, environ: Any, request_time: Any) -> None:
        if self.cfg.accesslog:
            super().access(resp, req, environ, request_time)


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """Of gunicorn's worker it keeps how a request is parsed and answered (`handle`).

    A connection is either served by a thread, or in the poller and in `_waiting`: whoever takes it
    out of there has it to itself. `_open` has them all.
    """

    alive: bool

    def init_process(self) -> None:
        self.poller = selectors.DefaultSelector()
        self._turn = threading.Lock()
        self._ready: deque[Any] = deque()  # taken out, for the threads whose turn is next
        self._open: set[Any] = set()
        self._waiting: set[Any] = set()
        self.keepalived_conns = self._waiting  # gunicorn asks how many there are
        self._accept_lock = threading.Lock()
        self._rests_until: float | None = None
        super(ThreadWorker, self).init_process()

    def handle_exit(self, sig: int, frame: Any) -> None:
        """SIGTERM: end what has begun. The signal ends the pause of `run`."""
        self.alive = False

    def handle_quit(self, sig: int, frame: Any) -> None:
        """SIGQUIT, SIGINT: end at once."""
        super(ThreadWorker, self).handle_quit(sig, frame)

    def run(self) -> None:
        self.set_accept_enabled(True)
        for number in range(self.cfg.threads):
            threading.Thread(target=self._serve, name=f"server-{number}", daemon=True).start()
        # A worker whose master is gone ends as it does when told to: it frees the port.
        while self.alive and self.is_parent_alive():
            self.notify()
            self._pause(1.0)
            self._close_late(time.monotonic())
            if len(self._open) < self.worker_connections:
                self.set_accept_enabled(True)
        self.alive = False
        self._end()

    def _end(self) -> None:
        """Let the requests in flight be answered, and those on their way for a moment."""
        self.set_accept_enabled(False)
        now = time.monotonic()
        idle_until, until = now + STOP_KEEPALIVE_LINGER, now + self.cfg.graceful_timeout
        while self._open and (now := time.monotonic()) < until:
            self.notify()
            self._pause(0.05)
            self._close_late(now, and_idle=now > idle_until)

    def _pause(self, seconds: float) -> None:
        """Until a signal comes, at most that long."""
        readable, _, _ = select([self.PIPE[0]], [], [], seconds)
        if readable:
            os.read(self.PIPE[0], 64)

    def set_accept_enabled(self, enabled: bool) -> None:  # noqa: FBT001 - gunicorn's
        with self._accept_lock:
            super().set_accept_enabled(enabled)

    # --- What each thread does ---

    def _serve(self) -> None:
        while True:
            conn = None
            try:
                conn = self._take()
                self._attend(conn)
            except BaseException:  # the thread must outlive whatever one request does
                self.log.exception("a connection is given up")
                self._drop(conn)

    def _take(self) -> Any:
        """Wait for one's turn, and in it for a connection that has something to read."""
        with self._turn:
            while not self._ready:
                for key, _ in self.poller.select(self._rest()):
                    if not isinstance(key.data, TConn):
                        self.accept(key.fileobj)
                    elif self._claim(key.data):
                        self._ready.append(key.data)
            return self._ready.popleft()

    def _rest(self) -> float | None:
        """How much longer (seconds) no new connection is taken; None: they are."""
        if self._rests_until is None:
            return None
        left = self._rests_until - time.monotonic()
        if left > 0:
            return left
        self._rests_until = None
        if self.alive:
            self.set_accept_enabled(True)
        return None

    def accept(self, listener: Any) -> None:
        """A new connection, then a rest: else one process takes most of those that come at once,
        and serves them alone. Beyond gunicorn's limit none, until there is room again."""
        if len(self._open) >= self.worker_connections:
            self.set_accept_enabled(False)
            return
        try:
            sock, address = listener.accept()
        except (BlockingIOError, ConnectionAbortedError):  # another process was quicker
            return
        except OSError:  # no file may be opened any more
            self.log.exception("a connection could not be accepted")
            self.set_accept_enabled(False)
            return
        conn = TConn(self.cfg, SteadySocket.of(sock), address, listener.getsockname())
        conn.arriving = Arriving()
        conn.is_answered_last = False  # nothing more is read
        conn.is_leaving = False
        self._open.add(conn)
        try:
            self._wait_for_more(conn)
        except BaseException:
            self._drop(conn)
            raise
        if self.cfg.workers > 1:
            self.set_accept_enabled(False)
            self._rests_until = time.monotonic() + REST_SECONDS

    def _attend(self, conn: Any) -> None:
        """Serve the requests that are there; then the connection waits for more, or leaves."""
        if conn.is_leaving:
            self._read_away(conn)
            return
        if not self._has_sent(conn):
            return
        while not conn.is_answered_last and self._has_arrived(conn):
            self._answer(conn)
            if not self._has_sent(conn):
                return
            if not conn.arriving.received:
                break
        if conn.is_answered_last:
            self._leave(conn)
        else:
            self._wait_for_more(conn)

    def _answer(self, conn: Any) -> None:
        if conn.arriving.has_endless_head:
            util.write_error(conn.sock, 431, "Request Header Fields Too Large", "")
            conn.is_answered_last = True
            return
        conn.init()
        conn.parser.unreader.unread(conn.arriving.take())
        conn.is_answered_last = not self.handle(conn)
        conn.arriving = Arriving(conn.parser.unreader.take_buffered())

    def _has_sent(self, conn: Any) -> bool:
        """Sends what the client takes of its answer, without waiting. If that is not all, the
        connection waits for it, or, when too much waits, is given up."""
        try:
            if not _unsent(conn) or conn.sock.push():
                return True
        except OSError:  # the client is gone
            self._drop(conn)
            return False
        if self._waiting_bytes() > WAITING_BYTES:
            self._drop(conn)
        else:
            self._wait(conn, time.monotonic() + ANSWER_SECONDS, selectors.EVENT_WRITE)
        return False

    def _has_arrived(self, conn: Any) -> bool:
        """Reads what is there, without waiting. True as well when the client is gone."""
        if self.cfg.is_ssl:  # only a read that waits can decrypt it
            return True
        arriving: Arriving = conn.arriving
        try:
            if arriving.received and arriving.is_whole(conn.sock):
                return True
            chunk = conn.sock.recv(CHUNK, socket.MSG_DONTWAIT)
            arriving.add(chunk)
            return not chunk or arriving.is_whole(conn.sock) or self._is_too_much(arriving)
        except BlockingIOError:
            return False
        except OSError:
            return True

    def _is_too_much(self, arriving: Arriving) -> bool:
        return len(arriving.received) >= CHUNK and self._waiting_bytes() > WAITING_BYTES

    def _waiting_bytes(self) -> int:
        """Of requests that are not whole, and of answers that are not taken."""
        return sum(len(conn.arriving.received) + len(_unsent(conn)) for conn in self._open.copy())

    def _keepalive_after(self, conn: Any, keepalive: bool) -> bool:  # noqa: FBT001 - gunicorn's
        """Not after a body that nobody will read: gunicorn would wait for it. One that has come is
        read to its end without waiting."""
        if conn.arriving.came_whole:
            return keepalive and bool(conn.parser.finish_body())
        refused = not self.cfg.is_ssl and conn.arriving.is_refused
        return not refused and bool(super()._keepalive_after(conn, keepalive))

    # --- How connections wait, and end ---

    def _wait_for_more(self, conn: Any) -> None:
        """Of the request that has begun, or of the next one."""
        patience = REQUEST_SECONDS if conn.arriving.received else self.cfg.keepalive
        self._wait(conn, conn.arriving.since + patience)

    def _wait(self, conn: Any, until: float, event: int = selectors.EVENT_READ) -> None:
        conn.timeout = until
        self.poller.register(conn.sock, event, conn)
        self._waiting.add(conn)  # last, for now others may take it

    def _claim(self, conn: Any) -> bool:
        """Take it out of those that wait; False if another was quicker."""
        try:
            self._waiting.remove(conn)
        except KeyError:
            return False
        self.poller.unregister(conn.sock)
        return True

    def _close_late(self, now: float, *, and_idle: bool = False) -> None:
        """Those that waited too long; `and_idle` those as well that may wait on, unless they take
        their answer or leave already. While no thread has its turn, a whole request may be there
        that nobody looked at.
        """
        if not self._turn.locked():
            return
        for conn in self._waiting.copy():
            is_idle = not conn.is_leaving and not _unsent(conn)
            if (conn.timeout <= now or (and_idle and is_idle)) and self._claim(conn):
                self._drop(conn)

    def _leave(self, conn: Any) -> None:
        """Close our end, and the rest once the client has read its answer and closed: to close on
        what it still sends would make it lose the answer."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
            return
        conn.is_leaving = True
        self._wait(conn, time.monotonic() + LINGER_SECONDS)

    def _read_away(self, conn: Any) -> None:
        """What a client still sends behind its last answer."""
        try:
            more = bool(conn.sock.recv(CHUNK, socket.MSG_DONTWAIT))
        except BlockingIOError:
            more = True
        except OSError:
            more = False
        if more:
            self._wait(conn, conn.timeout)
        else:
            self._drop(conn)

    def _drop(self, conn: Any) -> None:
        if conn is not None:
            self._open.discard(conn)
            conn.sock.close()


def _unsent(conn: Any) -> bytearray:
    """Behind TLS of gunicorn's own, nothing is kept."""
    return conn.sock.unsent if isinstance(conn.sock, SteadySocket) else bytearray()
