"""Fixtures that every test gets, and the cast: Alice owns, Bob is the counterparty, Charlie is a
stranger; Finance, Auditor and Admin work in the back-office."""

import random
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connections
from django.test import TransactionTestCase
from pytest_django import Settings

from balances.cache import balance_cache
from balances.decimals import forget_proved
from tests import leaks, triggers
from tests.books import make_user
from tests.phones import Phones
from transactions.processor import Processor, processor
from users import key_usage
from users.identity import forget_all
from users.models import User
from users.roles import Role

SEED = "hypothesis_seed"


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed of Hypothesis and of the faults here unless one was given, so that the
    header can show it."""
    if getattr(config.option, SEED, None) is None:
        setattr(config.option, SEED, str(random.randrange(2**32)))


def pytest_report_header(config: pytest.Config) -> str:
    return f"Seed: replay with --hypothesis-seed={getattr(config.option, SEED)}"


@pytest.fixture(autouse=True, scope="session")
def flush_passes_append_only_triggers() -> Iterator[None]:
    """Let the flush after a transactional test empty the append-only tables, whose triggers
    refuse DELETE."""
    teardown = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]  # private

    def teardown_without_triggers(self: Any) -> None:
        with ExitStack() as stack:
            for alias in self._databases_names(include_mirrors=False):
                stack.enter_context(triggers.suspended(connections[alias]))
            teardown(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown_without_triggers)
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
    balance_cache().clear()
    forget_proved()
    forget_all()


@pytest.fixture(autouse=True)
def key_uses_are_noted_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the calling thread: another one's connection can't see a test's own transaction."""
    monkeypatch.setattr(key_usage, "in_background", lambda write: write())
    key_usage.forget_uses()


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
