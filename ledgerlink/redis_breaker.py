"""Leaving a Redis alone that does not answer."""

import logging
import threading
import time
from collections.abc import Callable
from typing import TypeVar

from redis.exceptions import RedisError

logger = logging.getLogger(__name__)

REST_SECONDS = 0.5

Answer = TypeVar("Answer")


class RedisBreaker:
    """Never raises what Redis does. After a failure nobody asks for `REST_SECONDS`, then one
    caller tries while the others still go without: a Redis that stands still costs its time limit
    once in each rest, not once a request."""

    def __init__(self, missed: Callable[[], None] = lambda: None) -> None:
        """`missed` is told of each call that Redis may not have got."""
        self._missed = missed
        self._lock = threading.Lock()
        self._rests_until = 0.0  # time.monotonic(); 0 while it answers

    def call(self, ask: Callable[[], Answer], otherwise: Answer) -> Answer:
        """What `ask` answers, or `otherwise`."""
        if self._rests_until and not self._may_try():
            self._missed()
            return otherwise
        try:
            answer = ask()
        except (RedisError, OSError) as error:
            self._rests_until = time.monotonic() + REST_SECONDS
            self._missed()
            logger.warning("Redis is not available: %s", type(error).__name__)
            return otherwise
        self._rests_until = 0.0
        return answer

    def _may_try(self) -> bool:
        with self._lock:
            now = time.monotonic()
            if now < self._rests_until:
                return False
            self._rests_until = now + REST_SECONDS
            return True
