"""Nobody learns from an answer's time whether a user exists: the same statements are sent, and the
times of a wrong password, of a user who does not exist and of one who was deactivated can't be told
apart by a rank test over many tries, which does tell six milliseconds in twenty-five."""

import math
import random
import re
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import pytest
from django.db import connection
from pytest_django import Settings

from tests.api.client import API, Api
from tests.books import PASSWORD, make_user
from tests.e2e.world import STANDARD
from users import backends
from users.models import User
from users.queries import user_named

TRIES = 40  # of each kind; outside the tests a name is locked after ten
CHANCE = 1e-4  # that equal times are taken for different ones

pytestmark = pytest.mark.django_db

ASKED = {"wrong password": "alice", "unknown": "nobody", "deactivated": "bob"}


@pytest.fixture(autouse=True)
def people(passwords_are_hashed_as_shipped: None, alice: User, settings: Settings) -> None:
    settings.LOGIN_LOCKOUT_FAILURES = 1_000_000
    make_user("bob", is_active=False)
    for kind in ASKED:
        log_in(kind)  # the first try under a name makes its tally


def log_in(kind: str) -> None:
    password = "wrong-horse-7" if kind == "wrong password" else PASSWORD
    sent = Api().post(f"{API}/auth/login", {"username": ASKED[kind], "password": password})
    assert sent.status_code == 401


def test_refused_logins_send_the_same_statements() -> None:
    assert statements("unknown") == statements("deactivated") == statements("wrong password")


def statements(kind: str) -> list[str]:
    """Without their parameters, and without the names of savepoints."""
    sent: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        sent.append(re.sub(r"(SAVEPOINT) .*", r"\1", sql))
        return execute(sql, *rest)

    with connection.execute_wrapper(note):
        log_in(kind)
    return sent


on_sqlite = pytest.mark.skipif(STANDARD, reason="the database's share is in another process")


@on_sqlite
def test_refused_logins_take_times_that_can_not_be_told_apart() -> None:
    seconds = measured({kind: partial(log_in, kind) for kind in ASKED})
    usual = seconds.pop("wrong password")
    for kind, found in seconds.items():
        assert p_value(found, usual) > CHANCE, f"{kind}: {told(found)} against {told(usual)}"


@on_sqlite
def test_a_quarter_more_would_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def slower(identifier: str) -> User | None:
        user = user_named(identifier)
        if user is None:
            until = time.thread_time() + 0.006
            while time.thread_time() < until:
                pass
        return user

    monkeypatch.setattr(backends, "user_named", slower)
    seconds = measured({kind: partial(log_in, kind) for kind in ("unknown", "wrong password")})
    found, usual = seconds["unknown"], seconds["wrong password"]
    assert p_value(found, usual) < CHANCE, f"{told(found)} against {told(usual)}"


def measured(calls: dict[str, Callable[[], None]]) -> dict[str, list[float]]:
    """Seconds of processor time, which others on this machine do not lengthen, of TRIES calls of
    each kind. In each turn the kinds come in another order."""
    seconds: dict[str, list[float]] = {kind: [] for kind in calls}
    chance = random.Random(7)
    for _ in range(TRIES):
        for kind in chance.sample(list(calls), len(calls)):
            started = time.thread_time()
            calls[kind]()
            seconds[kind].append(time.thread_time() - started)
    return seconds


def p_value(one: Sequence[float], other: Sequence[float]) -> float:
    """Of the Mann-Whitney test, two-sided: how likely ranks as uneven as these are if both come
    from one distribution (normal approximation; for more than 20 of each)."""
    pairs = len(one) * len(other)
    wins = sum((a > b) + (a == b) / 2 for a in one for b in other)
    deviation = math.sqrt(pairs * (len(one) + len(other) + 1) / 12)
    return math.erfc(abs(wins - pairs / 2) / deviation / math.sqrt(2))


def told(seconds: Sequence[float]) -> str:
    low, middle, high = (sorted(seconds)[len(seconds) * n // 4] * 1000 for n in (1, 2, 3))
    return f"{middle:.2f} ms ({low:.2f} to {high:.2f})"


def test_the_rank_test_is_the_textbooks() -> None:
    assert p_value([1.0] * 30, [1.0] * 30) == 1.0
    assert p_value(range(30), range(30)) == 1.0
    # U = 0 of 900: z = 450 / sqrt(900 * 61 / 12) = 6.65
    assert p_value(range(30), range(100, 130)) == pytest.approx(2.9e-11, rel=0.05)
