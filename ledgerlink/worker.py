"""The worker that serves: threads that take turns at the poller, and serve whole requests only.

The thread whose turn it is takes a connection on which something can be done and ends its turn. It
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
    ThreadWorker,
)

from ledgerlink.arriving import CHUNK, Arriving
from ledgerlink.connection import ClientGone, Connection
from ledgerlink.steady_socket import KERNEL_BYTES

REQUEST_SECONDS = 30.0  # from the first byte to the last
ANSWER_SECONDS = 30.0  # in which a client takes no more of its answer
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

    A connection is either a thread's (or in `_ready`, for the next one), or in the poller and in
    `_waiting`: whoever takes it out of there has it to itself. `_open` has them all.
    """

    alive: bool

    def init_process(self) -> None:
        self.poller = selectors.DefaultSelector()
        self._turn = threading.Lock()
        self._ready: deque[Connection] = deque()  # taken out, for the threads whose turn is next
        self._open: set[Connection] = set()
        self._waiting: set[Connection] = set()
        self.keepalived_conns = self._waiting  # gunicorn asks how many there are
        self._accept_lock = threading.RLock()
        self._rests_until: float | None = None
        self._waiters = threading.BoundedSemaphore(max(1, self.cfg.threads // 2))
        for listener in self.sockets:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, KERNEL_BYTES)
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
        with self._accept_lock:
            self.set_accept_enabled(False)
            for listener in self.sockets:
                listener.close()
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
            super().set_accept_enabled(enabled and self.alive)

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

    def _take(self) -> Connection:
        """Wait for one's turn, and in it for a connection on which something can be done."""
        with self._turn:
            while not self._ready:
                for key, _ in self.poller.select(self._rest()):
                    if not isinstance(key.data, Connection):
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
        self.set_accept_enabled(True)
        return None

    def accept(self, listener: Any) -> None:
        """A new connection, then a rest: else one process takes most of those that come at once,
        and serves them alone. Beyond gunicorn's limit none, until there is room again."""
        conn = self._accepted(listener)
        if conn is None:
            return
        self._wait_for_more(conn)
        if self.cfg.workers > 1:
            self.set_accept_enabled(False)
            self._rests_until = time.monotonic() + REST_SECONDS

    def _accepted(self, listener: Any) -> Connection | None:
        with self._accept_lock:  # the listener is not closed in it
            if not self.alive:
                return None
            if len(self._open) >= self.worker_connections:
                self.set_accept_enabled(False)
                return None
            try:
                accepted, client = listener.accept()
            except (BlockingIOError, ConnectionAbortedError):  # another process was quicker
                return None
            except OSError:  # no file may be opened any more
                self.log.exception("a connection could not be accepted")
                self.set_accept_enabled(False)
                return None
            conn = Connection(self.cfg, accepted, client, self._waiters)
            self._open.add(conn)
            return conn

    def _attend(self, conn: Connection) -> None:
        """Do what can be done; then the connection waits, or is dropped."""
        try:
            if conn.is_leaving:
                self._read_away(conn)
            elif conn.unsent:
                self._send_on(conn)
            elif conn.has_arrived():
                self._answer(conn)
                self._send_on(conn)
            else:
                self._wait_for_more(conn)
        except ClientGone:
            self._drop(conn)

    def _answer(self, conn: Connection) -> None:
        if conn.arriving.has_endless_head:
            util.write_error(conn.sock, 431, "Request Header Fields Too Large", "")
            conn.is_answered_last = True
            return
        conn.init()
        conn.parser.unreader.unread(conn.arriving.take())
        try:
            conn.is_answered_last = not self.handle(conn)
        finally:
            conn.end_answer()
        conn.arriving = Arriving(conn.parser.unreader.take_buffered())

    def _send_on(self, conn: Connection) -> None:
        """What it was answered; then it waits for the rest, or for the next request."""
        if not conn.has_sent():
            self._wait_to_send(conn)
        elif conn.is_answered_last:
            self._leave(conn)
        elif conn.arriving.received:  # maybe a whole one: its turn is behind those of the others
            self._wait(conn, time.monotonic() + REQUEST_SECONDS, selectors.EVENT_WRITE)
        else:
            conn.arriving.since = time.monotonic()  # only now the client has its answer
            self._wait_for_more(conn)

    def handle_request(self, req: Any, conn: Connection) -> bool:
        """Else gunicorn permits the body again, and one that is refused."""
        if not self.cfg.is_ssl:
            req._expected_100_continue = False  # noqa: SLF001 - nothing else tells it
        return bool(super().handle_request(req, conn))

    def _keepalive_after(self, conn: Connection, keepalive: bool) -> bool:  # noqa: FBT001 - gunicorn's
        """Not after a body that nobody will read: gunicorn would wait for it. One that has come is
        read to its end without waiting, and at once: gunicorn's small steps copy all the rest."""
        if conn.arriving.came_whole:
            if keepalive:
                conn.parser.mesg.body.read()
            return keepalive and bool(conn.parser.finish_body())
        refused = not self.cfg.is_ssl and conn.arriving.is_refused
        return not refused and bool(super()._keepalive_after(conn, keepalive))

    # --- How connections wait, and end ---

    def _wait_for_more(self, conn: Connection) -> None:
        """Of the request that has begun, or of the next one."""
        patience = REQUEST_SECONDS if conn.arriving.received else self.cfg.keepalive
        event = selectors.EVENT_WRITE if conn.unsent else selectors.EVENT_READ
        if conn.held < CHUNK or self._has_room_for(conn):
            self._wait(conn, conn.arriving.since + patience, event)

    def _wait_to_send(self, conn: Connection) -> None:
        if conn.held < CHUNK or self._has_room_for(conn):
            self._wait(conn, time.monotonic() + ANSWER_SECONDS, selectors.EVENT_WRITE)

    def _has_room_for(self, conn: Connection) -> bool:
        """While too much waits, whoever has waited longest with much is given up; else a few could
        fill all the room, and have everybody cut off who comes after them. False: `conn` was."""
        while sum(each.held for each in self._open.copy()) > WAITING_BYTES:
            self.log.warning("a slow client is given up: too much waits for others like it")
            others = [each for each in self._waiting.copy() if each.held >= CHUNK]
            if not others:
                self._drop(conn)
                return False
            oldest = min(others, key=lambda each: each.arriving.since)
            if self._claim(oldest):
                self._drop(oldest)
        return True

    def _wait(self, conn: Connection, until: float, event: int = selectors.EVENT_READ) -> None:
        conn.timeout, conn.event = until, event
        try:
            self.poller.register(conn.sock, event, conn)
        except OSError:  # no more may be watched
            self.log.exception("a connection can't wait, and is given up")
            self._drop(conn)
            return
        self._waiting.add(conn)  # last, for now others may take it

    def _claim(self, conn: Connection) -> bool:
        """Take it out of those that wait; False if another was quicker."""
        try:
            self._waiting.remove(conn)
        except KeyError:
            return False
        self.poller.unregister(conn.sock)
        return True

    def _close_late(self, now: float, *, and_idle: bool = False) -> None:
        """Those that waited too long; `and_idle` those as well that may wait on, unless they take
        their answer or leave already. Not those on which something can be done: threads had no time
        for them, or one had it meanwhile."""

        def is_late(conn: Connection) -> bool:
            is_idle = not conn.is_leaving and not conn.unsent
            return bool(conn.timeout <= now) or (and_idle and is_idle)

        for conn in self._waiting.copy():
            if is_late(conn) and self._claim(conn):
                if is_late(conn) and (conn.is_leaving or not conn.is_ready()):
                    self._drop(conn)
                else:
                    self._wait(conn, conn.timeout, conn.event)

    def _leave(self, conn: Connection) -> None:
        """Close our end, and the rest once the client has read its answer and closed: to close on
        what it still sends would make it lose the answer."""
        try:
            conn.sock.shutdown(socket.SHUT_WR)
        except OSError:
            self._drop(conn)
            return
        conn.is_leaving = True
        self._wait(conn, time.monotonic() + LINGER_SECONDS)

    def _read_away(self, conn: Connection) -> None:
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

    def _drop(self, conn: Connection | None) -> None:
        if conn is not None:
            self._open.discard(conn)
            conn.sock.close()
