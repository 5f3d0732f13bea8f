"""The cache in Redis, whichever engine the run is on, and none: from a private server."""

from collections.abc import Iterator

import pytest
from pytest_django import Settings

from balances.cache import BalanceCache, NoBalanceCache, balance_cache
from balances.cache_redis import RedisBalanceCache
from tests.caches import begin_settled


@pytest.fixture
def redis_cache(redis_in_use: None) -> Iterator[RedisBalanceCache]:
    """What `balance_cache()` gives in this test."""
    balance_cache.cache_clear()
    cache = balance_cache()
    assert isinstance(cache, RedisBalanceCache)
    begin_settled(cache)
    yield cache
    balance_cache.cache_clear()


@pytest.fixture
def no_cache(settings: Settings) -> Iterator[NoBalanceCache]:
    settings.REDIS_HOST = ""
    balance_cache.cache_clear()
    cache = balance_cache()
    assert isinstance(cache, NoBalanceCache)
    yield cache
    balance_cache.cache_clear()


@pytest.fixture(params=["no_cache", "redis_cache"])
def any_cache(request: pytest.FixtureRequest) -> BalanceCache:
    cache: BalanceCache = request.getfixturevalue(request.param)
    return cache
