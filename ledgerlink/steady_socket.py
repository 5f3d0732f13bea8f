"""The socket of a client: what it does not take of an answer is kept, so that no thread waits. And
few system calls: in each a thread gives up the interpreter, and waits to have it again.
"""

import errno
import logging
import socket
import threading
from contextlib import suppress
from select import POLLOUT, poll

logger = logging.getLogger(__name__)

CHUNK = 64 * 1024  # bytes that are sent at once
KEPT = 2 * 1024 * 1024  # bytes of an answer that are kept; beyond, its thread waits for the client
PATIENCE_SECONDS = 10.0  # that it waits until the client takes more
# Of the kernel's own, where it would keep megabytes: it tells that a client takes more once a third
# of that is free, so that a slow one would seem to take nothing for long.
KERNEL_BYTES = 128 * 1024


class SteadySocket(socket.socket):
    """`unsent` is what the client was answered and has not taken yet: `sendall` puts it there, and
    sends when it is much; the rest is sent by `push`."""

    unsent: bytearray
    _tried: int  # how much was unsent when the client took no more
    _waiters: threading.Semaphore
    _waits: bool  # holds one of their places

    @classmethod
    def of(cls, accepted: socket.socket, waiters: threading.Semaphore) -> "SteadySocket":
        """In its place. No more answers than `waiters` counts have a thread that waits."""
        family, kind, protocol = accepted.family, accepted.type, accepted.proto
        steady = cls(family, kind, protocol, fileno=accepted.detach())
        steady.unsent = bytearray()
        steady._tried = 0
        steady._waiters = waiters
        steady._waits = False
        return steady

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - socket's
        self.settimeout(None if flag else 0.0)

    def settimeout(self, value: float | None) -> None:
        """Only to what is new: gunicorn sets it several times in a request."""
        if value != self.gettimeout():
            super().settimeout(value)

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        """Together: gunicorn sends the head and each part by itself. Raises OSError, and then
        nothing is sent of what was kept."""
        self.unsent += data
        if len(self.unsent) >= self._tried + CHUNK:
            self.push()
        while len(self.unsent) > KEPT:
            self._wait()
            self.push()

    def send(self, data: bytes, flags: int = 0) -> int:  # type: ignore[override]
        """As `sendall`: it takes all of it."""
        self.sendall(data)
        return len(data)

    def push(self) -> bool:
        """Send what the client takes without waiting; whether that is all. Raises OSError."""
        while self.unsent:
            try:
                sent = super().send(self.unsent, socket.MSG_DONTWAIT)
            except BlockingIOError:
                self._tried = len(self.unsent)
                return False
            del self.unsent[:sent]
        self._tried = 0
        return True

    def shutdown(self, how: int) -> None:
        """The rest goes first: something may have failed behind an answer that is whole."""
        with suppress(OSError):
            while not self.push():
                self._wait()
        super().shutdown(how)

    def end_answer(self) -> None:
        """No thread has to wait for the rest."""
        if self._waits:
            self._waits = False
            self._waiters.release()

    def _wait(self) -> None:
        """Until the client takes more. Once it has a place, an answer keeps it."""
        self._waits = self._waits or self._waiters.acquire(blocking=False)
        waiting = poll()
        waiting.register(self, POLLOUT)
        if not self._waits or not waiting.poll(1000 * PATIENCE_SECONDS):
            self.unsent.clear()
            logger.warning("a client is given up that takes its answer too slowly")
            raise BrokenPipeError(errno.EPIPE, "the client takes its answer too slowly")
