"""The socket of a client: no thread waits for one that takes its answer slowly. And few system
calls: in each a thread gives up the interpreter, and waits to have it again.
"""

import errno
import socket
from select import POLLOUT, poll

CHUNK = 64 * 1024  # bytes that are sent at once
KEPT = 2 * 1024 * 1024  # bytes of an answer that wait for a slow client; beyond, its thread does
PATIENCE_SECONDS = 10.0  # that this thread waits until the client takes more


class SteadySocket(socket.socket):
    """`unsent` is what the client was answered and has not taken yet: `sendall` puts it there, and
    sends when it is much; the rest is sent by `push`."""

    unsent: bytearray

    @classmethod
    def of(cls, accepted: socket.socket) -> "SteadySocket":
        """In its place."""
        family, kind, protocol = accepted.family, accepted.type, accepted.proto
        steady = cls(family, kind, protocol, fileno=accepted.detach())
        steady.unsent = bytearray()
        return steady

    def setblocking(self, flag: bool) -> None:  # noqa: FBT001 - socket's
        self.settimeout(None if flag else 0.0)

    def settimeout(self, value: float | None) -> None:
        """Only to what is new: gunicorn sets it several times in a request."""
        if value != self.gettimeout():
            super().settimeout(value)

    def sendall(self, data: bytes, flags: int = 0) -> None:  # type: ignore[override]
        """Together: gunicorn sends the head and each part by itself. Raises OSError."""
        self.unsent += data
        if len(self.unsent) >= CHUNK:
            self.push()
        while len(self.unsent) > KEPT:
            self._wait()
            self.push()

    def push(self) -> bool:
        """Send what the client takes without waiting; whether that is all. Raises OSError."""
        while self.unsent:
            try:
                sent = self.send(self.unsent, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return False
            del self.unsent[:sent]
        return True

    def _wait(self) -> None:
        waiting = poll()
        waiting.register(self, POLLOUT)
        if not waiting.poll(1000 * PATIENCE_SECONDS):
            raise BrokenPipeError(errno.EPIPE, "the client takes no more of its answer")
