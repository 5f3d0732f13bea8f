"""When each API key was last used, for the people who clean them up.

Written in the background, at most once a minute for each key and process: no request waits for
it, and a use that can't be written is only missing from the list.
"""

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from datetime import datetime, timedelta
from functools import partial

from django.db import Error, connection
from django.db.models import Q
from django.utils import timezone

from users.models import ApiKey

logger = logging.getLogger(__name__)

INTERVAL = timedelta(minutes=1)

_lock = threading.Lock()
_written: dict[int, float] = {}  # key id: time.monotonic()
_pool = ThreadPoolExecutor(max_workers=1, thread_name_prefix="key-usage")


def in_background(write: Callable[[], None]) -> None:
    """Call `write` later, in a thread of its own with a connection of its own. What it logs has
    the ids of the request."""

    def run() -> None:
        try:
            write()
        except Error as error:
            logger.warning("the use of an API key was not noted: %s", type(error).__name__)
        finally:
            connection.close()

    _pool.submit(partial(copy_context().run, run))


def note_use(key_id: int) -> None:
    """This key is being used now."""
    now = time.monotonic()
    interval = INTERVAL.total_seconds()
    if now - _written.get(key_id, -interval) < interval:
        return
    with _lock:
        if now - _written.get(key_id, -interval) < interval:
            return
        _written[key_id] = now
    at = timezone.now()
    in_background(lambda: write_use(key_id, at))


def write_use(key_id: int, at: datetime) -> None:
    """Another process may have done so within the minute: then it stays."""
    long_ago = Q(last_used_at__isnull=True) | Q(last_used_at__lte=at - INTERVAL)
    ApiKey.objects.filter(long_ago, pk=key_id).update(last_used_at=at)


def forget_uses() -> None:
    with _lock:
        _written.clear()
