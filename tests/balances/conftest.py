"""The cache in Redis, whichever engine the run is on, and none: from a private server."""

from collections.abc import Iterator

import pytest
from django.core.cache import caches
from pytest_django import Settings

from balances.cache import BalanceCache, NoBalanceCache, balance_cache
from balances.cache_redis import RedisBalanceCache
from bench.servers.redis import Redis
from tests.caches import begin_settled


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    with Redis() as server:
        yield server


@pytest.fixture
def redis_cache(redis_server: Redis, settings: Settings) -> Iterator[RedisBalanceCache]:
    """What `balance_cache()` gives in this test, with the time limits of the service."""
    settings.REDIS_HOST = "127.0.0.1"
    settings.CACHES = {
        "default": {
            "BACKEND": "django_redis.cache.RedisCache",
            "LOCATION": f"redis://127.0.0.1:{redis_server.port}/0",
            "OPTIONS": {
                "PASSWORD": redis_server.password,
                "SOCKET_CONNECT_TIMEOUT": 0.25,
                "SOCKET_TIMEOUT": 0.25,
                "IGNORE_EXCEPTIONS": True,
            },
        }
    }
    balance_cache.cache_clear()
    cache = balance_cache()
    assert isinstance(cache, RedisBalanceCache)
    cache._redis.flushdb()
    begin_settled(cache)
    yield cache
    caches["default"].close()
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
