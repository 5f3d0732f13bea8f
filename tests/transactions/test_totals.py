"""Sums by the hour: each transaction is counted once, whenever it was asked for and however often
somebody looks."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.db import OperationalError, connection
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from tests.books import cancel, capture, fund, hold, post_one, reverse, transfer
from tests.clock import Clock, key_made_at, utc
from tests.concurrency import at_once
from transactions.enums import TransactionType
from transactions.models import HourlyTotal
from transactions.processor import post_directly
from transactions.totals import Activity, Span, Sums, SumsByType, held_of_users
from users.models import User

pytestmark = pytest.mark.django_db
START = utc("2026-10-01 00:00")
LARGE = "9999999999999999.99"  # 64 bits hold nine of them


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, START)


def seen(clock: Clock, span: Span = Span.DAY) -> SumsByType:
    return Activity(START, clock.now).completed("USD", START, span)


def refused(clock: Clock) -> dict[str, int]:
    return Activity(START, clock.now).refused(START)


def kept() -> list[tuple[datetime, str, int]]:
    rows = HourlyTotal.objects.order_by("hour", "status", "type")
    return list(rows.values_list("hour", "type", "count"))


def test_hour_is_kept_once_it_is_settled_and_counted_until_then(
    clock: Clock, alice: User, bob: User
) -> None:
    clock.set("2026-10-01 09:59")
    fund(alice, "100.00")
    post_one(transfer(alice, bob, "500.00", id=key_made_at(clock.now)))
    clock.set("2026-10-01 10:05")
    post_one(transfer(alice, bob, "30.00"))
    expected = {
        (START, TransactionType.DEPOSIT): Sums(1, 10_000),
        (START, TransactionType.TRANSFER): Sums(1, 3_000),
    }

    assert (seen(clock), refused(clock)) == (expected, {"insufficient_funds": 1})
    assert kept() == []

    clock.set("2026-10-01 10:10")
    assert (seen(clock), refused(clock)) == (expected, {"insufficient_funds": 1})
    nine = utc("2026-10-01 09:00")
    assert kept() == [(nine, "deposit", 1), (nine, "transfer", 1)]  # the second was refused

    clock.set("2026-10-03 12:00")
    post_one(transfer(alice, bob, "0.50"))
    late = {(utc("2026-10-03 00:00"), TransactionType.TRANSFER): Sums(1, 50)}
    assert [seen(clock), seen(clock)] == [expected | late] * 2
    assert kept()[2:] == [(utc("2026-10-01 10:00"), "transfer", 1)]
    assert seen(clock, Span.HOUR) == {
        (nine, TransactionType.DEPOSIT): Sums(1, 10_000),
        (utc("2026-10-01 10:00"), TransactionType.TRANSFER): Sums(1, 3_000),
        (utc("2026-10-03 12:00"), TransactionType.TRANSFER): Sums(1, 50),
    }


def test_hours_are_kept_by_the_clock_before_anybody_looks(clock: Clock, alice: User) -> None:
    fund(alice, "100.00")
    call_command("keep_totals", stdout=StringIO())
    assert kept() == []
    clock.set("2026-10-01 01:10")
    out = StringIO()
    call_command("keep_totals", stdout=out)
    assert out.getvalue() == "Counted up to 2026-10-01 01:00 UTC.\n"
    assert kept() == [(START, "deposit", 1)]
    with CaptureQueriesContext(connection) as queries:
        assert seen(clock) == {(START, TransactionType.DEPOSIT): Sums(1, 10_000)}
    assert not [q for q in queries if q["sql"].startswith("INSERT")]


def test_capture_counts_when_the_money_moved_and_value_dates_do_not_count(
    clock: Clock, alice: User, bob: User
) -> None:
    fund(alice, "100.00")
    week = clock.now + timedelta(days=7)
    first, second = (hold(alice, bob, "10.00", expires_at=week) for _ in range(2))
    assert held_of_users(clock.now) == {"USD": 2_000}
    assert held_of_users(week) == {}  # expired, and not let go of yet
    clock.set("2026-10-03 15:00")
    assert seen(clock) == {(START, TransactionType.DEPOSIT): Sums(1, 10_000)}
    post_directly([capture(first, "4.00"), cancel(second)])
    moved = post_one(transfer(alice, bob, "1.00", effective_at=START)).transaction
    assert moved is not None
    post_one(reverse(moved, "0.25"))

    day = utc("2026-10-03 00:00")
    assert seen(clock) == {
        (START, TransactionType.DEPOSIT): Sums(1, 10_000),
        (day, TransactionType.TRANSFER): Sums(2, 500),
        (day, TransactionType.REVERSAL): Sums(1, 25),
    }
    assert held_of_users(clock.now) == {}


def test_currencies_are_never_added_up(clock: Clock, alice: User) -> None:
    for currency in ("USD", "EUR", "JPY"):
        fund(alice, "5", currency)
    clock.set("2026-10-02 00:00")
    for _ in range(2):
        activity = Activity(START, clock.now)
        found = [activity.completed(code, START, Span.DAY) for code in ("USD", "EUR", "JPY")]
        sums = [list(by_type.values()) for by_type in found]
        assert sums == [[Sums(1, 500)], [Sums(1, 500)], [Sums(1, 5)]]


def test_sums_beyond_64_bits_are_exact(clock: Clock, alice: User, bob: User) -> None:
    fund(alice, LARGE)
    there_and_back = [transfer(alice, bob, LARGE), transfer(bob, alice, LARGE)]
    for _ in range(6):
        post_directly([replace(asked, id=uuid7()) for asked in there_and_back])
    expected = Sums(12, 12 * (10**18 - 1))
    of = START, TransactionType.TRANSFER
    assert seen(clock)[of] == expected
    clock.set("2026-10-02 01:00")
    assert [seen(clock)[of], seen(clock)[of]] == [expected] * 2
    assert held_of_users(clock.now) == {}


def test_sums_are_right_where_none_can_be_kept(clock: Clock, alice: User) -> None:
    fund(alice, "1.00")
    clock.set("2026-10-02 00:00")

    def refuse(execute: Callable[..., Any], sql: str, *rest: Any) -> Any:
        if sql.startswith("INSERT"):
            raise OperationalError("the database is read-only")
        return execute(sql, *rest)

    with connection.execute_wrapper(refuse):
        assert seen(clock) == {(START, TransactionType.DEPOSIT): Sums(1, 100)}
    assert kept() == []


@pytest.mark.django_db(transaction=True)
def test_two_who_look_at_once_keep_each_hour_once(clock: Clock, alice: User) -> None:
    fund(alice, "1.00")
    clock.set("2026-10-02 00:00")
    expected = {(START, TransactionType.DEPOSIT): Sums(1, 100)}
    assert at_once([lambda: seen(clock)] * 4) == [expected] * 4
    assert kept() == [(START, "deposit", 1)]
