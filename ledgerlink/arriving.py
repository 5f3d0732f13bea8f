"""Whether all of a request has come: as much of HTTP as that takes. gunicorn parses the rest."""

import re
import socket
import time

from django.conf import settings

CHUNK = 64 * 1024  # bytes read at once, and the longest head

_LENGTH = re.compile(rb"\r\ncontent-length:[ \t]*0*(\d{1,18})[ \t]*\r\n", re.IGNORECASE)
_CONTINUE = re.compile(rb"\r\nexpect:[ \t]*100-continue[ \t]*\r\n", re.IGNORECASE)
_BLANK = re.compile(rb"[\r\n]*")


class Arriving:
    """What has come of a request, since when (time.monotonic()), and how many bytes it has."""

    def __init__(self, received: bytes = b"") -> None:
        self.received = bytearray(received)
        self.since = time.monotonic()
        self.size = 0  # 0: the head is not whole
        self.is_refused = False  # before its body is read
        self.came_whole = False  # and was taken, with its body

    def add(self, chunk: bytes) -> None:
        if not self.received:
            self.since = time.monotonic()
        self.received += chunk

    def take(self) -> bytes:
        """What has come, to be served."""
        self.came_whole = not self.is_refused and 0 < self.size <= len(self.received)
        taken = bytes(self.received)
        self.received.clear()
        return taken

    @property
    def has_endless_head(self) -> bool:
        return not self.size and len(self.received) > CHUNK

    def is_whole(self, connection: socket.socket) -> bool:
        """Also when there is no sense in waiting for the rest."""
        if not self.size:
            head = self._head()
            if not head:
                return self.has_endless_head
            self.size = len(head) + self._length(head, connection)
        return len(self.received) >= self.size

    def _head(self) -> bytes:
        """Empty until it is whole. Empty lines may come before it."""
        blank = _BLANK.match(self.received)
        end = self.received.find(b"\r\n\r\n", blank.end() if blank else 0)
        return b"" if end < 0 else bytes(self.received[: end + 4])

    def _length(self, head: bytes, connection: socket.socket) -> int:
        """Bytes of the body that are waited for."""
        names = head.lower()
        announced = _LENGTH.search(head)
        length = int(announced[1]) if announced else 0
        is_odd = b"\r\ncontent-length:" in names and announced is None  # a number without end
        if is_odd or length > settings.MAX_BODY_BYTES or b"\r\ntransfer-encoding:" in names:
            self.is_refused = True
            return 0
        if _CONTINUE.search(head) and len(self.received) < len(head) + length:
            connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        return length
