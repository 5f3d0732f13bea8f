"""Fixtures that every test gets, and the cast: Alice owns, Bob is the counterparty, Charlie is a
stranger; Finance, Auditor and Admin work in the back-office."""

import logging
import random
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from django.core.cache import cache, caches
from django.db import connections
from django.test import TransactionTestCase
from pytest_django import Settings

from balances.cache import balance_cache
from balances.decimals import forget_proved
from bench.servers.redis import Redis
from ledgerlink.redis_line import redis_line
from tests import leaks
from tests.books import _hashed_once, make_user
from tests.caches import begin_settled
from tests.e2e.world import assert_reconciled, close_clients, environment
from tests.emptying import empty
from tests.phones import Phones
from tests.servers import LedgerServer
from transactions.processor import Processor, processor
from users import key_usage
from users.hashers import Argon2Hasher
from users.identity import forget_all
from users.models import User
from users.roles import Role

SEED = "hypothesis_seed"
SHIPPED_COSTS = {name: getattr(Argon2Hasher, name) for name in ("time_cost", "memory_cost")}
logging.getLogger("httpx").setLevel(logging.WARNING)  # it tells of each of thousands of requests


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed of Hypothesis and of the faults here unless one was given, so that the
    header can show it."""
    if getattr(config.option, SEED, None) is None:
        setattr(config.option, SEED, str(random.randrange(2**32)))


def pytest_report_header(config: pytest.Config) -> str:
    return f"Seed: replay with --hypothesis-seed={getattr(config.option, SEED)}"


@pytest.fixture(autouse=True, scope="session")
def tables_are_emptied_after_a_test_that_commits() -> Iterator[None]:
    def teardown(self: Any) -> None:
        for alias in self._databases_names(include_mirrors=False):
            empty(connections[alias])

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown)
        yield


@pytest.fixture(autouse=True, scope="session")
def no_server_printed_a_secret() -> Iterator[None]:
    """Of all that the tests started, each with all that was sent to it."""
    yield
    assert leaks.found == []


@pytest.fixture(autouse=True)
def nothing_remembered(settings: Settings) -> None:
    """No test sees what another left in a cache, and money is posted in the calling thread (see
    `queued`), since the poster's connection can't see a test's own transaction."""
    settings.POSTING_MODE = "direct"
    settings.RATELIMIT_ENABLE = False  # all requests of a test come from one address
    cache.clear()
    begin_settled(balance_cache())
    forget_proved()
    forget_all()


@pytest.fixture(scope="session")
def redis_server() -> Iterator[Redis]:
    """A private one, whichever engine the run is on."""
    with Redis() as running:
        yield running


@pytest.fixture
def redis_in_use(redis_server: Redis, settings: Settings) -> Iterator[None]:
    """It is empty, and asked with the time limits of the service."""
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
        },
        "rate_limits": {"BACKEND": "ledgerlink.counters.RedisCounters", "LOCATION": "default"},
    }
    redis_line().ask("FLUSHDB")
    yield
    caches["default"].close()


@pytest.fixture(autouse=True, scope="session")
def passwords_are_hashed_quickly() -> Iterator[None]:
    """By the same algorithm, in one millisecond instead of 25."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Argon2Hasher, "time_cost", 1)
        patch.setattr(Argon2Hasher, "memory_cost", 512)
        yield


@pytest.fixture
def passwords_are_hashed_as_shipped(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name, cost in SHIPPED_COSTS.items():
        monkeypatch.setattr(Argon2Hasher, name, cost)
    _hashed_once.cache_clear()
    yield
    _hashed_once.cache_clear()


@pytest.fixture(autouse=True)
def static_files_are_found_when_asked_for(settings: Settings) -> None:
    """Not looked up one and all for each client that a test makes: that takes 30 ms."""
    settings.WHITENOISE_AUTOREFRESH = True


@pytest.fixture(autouse=True)
def connections_are_not_kept() -> Iterator[None]:
    yield
    close_clients()


@pytest.fixture(autouse=True)
def key_uses_are_noted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the calling thread: another one's connection can't see a test's own transaction."""
    monkeypatch.setattr(key_usage, "in_background", lambda write: write())
    key_usage.forget_uses()


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Books that the tests of real servers share, proved sound after the last."""
    with environment("shared", tmp_path_factory.mktemp("shared")) as made:
        yield made
        assert_reconciled(made)


@pytest.fixture(scope="session")
def server(env: Mapping[str, str]) -> Iterator[LedgerServer]:
    """A real gunicorn on the engine of this run: MariaDB and Redis with several processes, or
    SQLite with one. Whoever kills a part of it waits until that is back."""
    with LedgerServer(env) as running:
        yield running


@pytest.fixture
def queued(settings: Settings, transactional_db: None) -> Iterator[Processor]:
    """A poster thread of this test's own: `submit` goes through the queue."""
    settings.POSTING_MODE = "queued"
    processor.cache_clear()
    mine = processor()
    try:
        yield mine
    finally:
        mine.close()
        processor.cache_clear()


@pytest.fixture
def phones(monkeypatch: pytest.MonkeyPatch) -> Phones:
    return Phones(monkeypatch)


@pytest.fixture
def alice(db: None) -> User:
    return make_user("alice")


@pytest.fixture
def bob(db: None) -> User:
    return make_user("bob")


@pytest.fixture
def charlie(db: None) -> User:
    return make_user("charlie")


@pytest.fixture
def auditor(db: None) -> User:
    return make_user("auditor", Role.AUDITOR)


@pytest.fixture
def finance(db: None) -> User:
    return make_user("finance", Role.FINANCE)


@pytest.fixture
def admin(db: None) -> User:
    return make_user("admin", Role.ADMIN)
