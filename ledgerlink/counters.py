"""The cache in Redis that django-ratelimit counts in: one round trip for each count."""

from typing import Any

from django.core.cache.backends.base import DEFAULT_TIMEOUT, BaseCache

from ledgerlink.redis_breaker import RedisBreaker
from ledgerlink.redis_line import Script, redis_line

# Counted and given its expiry in one step, so that no counter is left without one.
_COUNT = Script("""
local count = redis.call('INCRBY', KEYS[1], ARGV[1])
if count == tonumber(ARGV[1]) then redis.call('EXPIRE', KEYS[1], ARGV[2]) end
return count
""")


class RedisCounters(BaseCache):
    """Never raises: without Redis nothing is counted, and nothing is there.

    django-ratelimit calls `add` and, where that finds the key, `incr`. Here `add` only notes how
    long the counter is to live, and `incr` does both. Django makes a cache for each thread, so
    nobody comes in between.
    """

    breaker = RedisBreaker()

    def __init__(self, alias: str, params: dict[str, Any]) -> None:
        """`alias` is the django-redis cache whose connections are used."""
        super().__init__(params)
        self._redis = redis_line(alias)
        self._timeout = self._seconds(DEFAULT_TIMEOUT)

    def add(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> bool:
        self._timeout = self._seconds(timeout)
        return False

    def incr(self, key: str, delta: int = 1, version: int | None = None) -> int:
        """Raises ValueError, as of a key that is not there, when Redis does not answer."""
        name, seconds = self.make_and_validate_key(key, version), self._timeout
        count = self.breaker.call(lambda: self._redis.run(_COUNT, [name], [delta, seconds]), None)
        if count is None:
            raise ValueError(key)
        return int(count)

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        """A whole number, or `default`."""
        name = self.make_and_validate_key(key, version)
        found = self.breaker.call(lambda: self._redis.ask("GET", name), None)
        return default if found is None else int(found)

    def set(
        self, key: str, value: Any, timeout: Any = DEFAULT_TIMEOUT, version: int | None = None
    ) -> None:
        """`value` is a whole number."""
        name, seconds = self.make_and_validate_key(key, version), self._seconds(timeout)
        self.breaker.call(lambda: self._redis.ask("SET", name, int(value), "EX", seconds), None)

    def _seconds(self, timeout: Any) -> int:
        seconds = self.default_timeout if timeout is DEFAULT_TIMEOUT else timeout
        assert seconds is not None
        return int(seconds)
