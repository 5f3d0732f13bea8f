"""What was read from the database a moment ago, kept in this process for a few seconds."""

import threading
import time
from collections.abc import Callable
from typing import Generic, TypeVar

MAX_REMEMBERED = 10_000

Key = TypeVar("Key")
Value = TypeVar("Value")


class Memory(Generic[Key, Value]):
    """Values by key. Forgetting one counts at once, also for a read that is under way.

    What is not there (None) is not kept, so that nobody can fill the memory with names of nothing.
    """

    def __init__(self, read: Callable[[Key], Value | None]) -> None:
        self._read = read
        self._lock = threading.Lock()
        # Until when (time.monotonic()), and the value; None once forgotten.
        self._kept: dict[Key, tuple[float, Value | None]] = {}

    def get(self, key: Key, seconds: float) -> Value | None:
        """As the database has it, at most `seconds` ago."""
        kept = self._kept.get(key)
        if kept is not None and time.monotonic() < kept[0]:
            return kept[1]
        read_at = time.monotonic()
        value = self._read(key)
        with self._lock:
            if self._kept.get(key) is not kept:
                return value  # forgotten or read again meanwhile: this may be old already
            self._make_room()
            if value is None:
                self._kept.pop(key, None)
            else:
                self._kept[key] = read_at + seconds, value
        return value

    def forget(self, key: Key) -> None:
        """Read this one anew the next time."""
        with self._lock:
            self._make_room()
            self._kept[key] = time.monotonic(), None

    def clear(self) -> None:
        with self._lock:
            self._kept.clear()

    def _make_room(self) -> None:
        if len(self._kept) >= MAX_REMEMBERED:
            self._kept.clear()
