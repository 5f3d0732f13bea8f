"""Who a token's user is now: read from the database, remembered for at most five seconds.

A role or an activity is never taken from a token. The posting engine does not rely on this
memory: it reads the users again under its locks.
"""

import threading
import time

from django.conf import settings

from users.models import User

MAX_REMEMBERED = 10_000

_lock = threading.Lock()
# Until when (time.monotonic()), and the user; None once forgotten.
_remembered: dict[int, tuple[float, User | None]] = {}


def current_user(user_id: int) -> User | None:
    """The user as the database has it, at most `IDENTITY_CACHE_SECONDS` (seconds) ago."""
    kept = _remembered.get(user_id)
    if kept is not None and time.monotonic() < kept[0]:
        return kept[1]
    read_at = time.monotonic()
    user = User.objects.filter(pk=user_id).first()
    with _lock:
        if _remembered.get(user_id) is not kept:
            return user  # forgotten or read again meanwhile: what was read may be old already
        _make_room()
        if user is None:
            _remembered.pop(user_id, None)
        else:
            _remembered[user_id] = read_at + settings.IDENTITY_CACHE_SECONDS, user
    return user


def forget(user_id: int) -> None:
    """Read this user anew the next time: a change in this process takes effect at once."""
    with _lock:
        _make_room()
        _remembered[user_id] = time.monotonic(), None


def forget_all() -> None:
    with _lock:
        _remembered.clear()


def _make_room() -> None:
    if len(_remembered) >= MAX_REMEMBERED:
        _remembered.clear()
