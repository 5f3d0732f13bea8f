"""The cache of balances, as if the process had been running for a while."""

import secrets

from balances.cache import BalanceCache
from balances.cache_redis import GENERATION, RedisBalanceCache


def begin_settled(cache: BalanceCache) -> None:
    """A generation into which balances are put at once: one that has just begun keeps none."""
    cache.clear()
    if isinstance(cache, RedisBalanceCache):
        cache._redis.ask("SET", GENERATION, f"0-{secrets.token_hex(8)}")
