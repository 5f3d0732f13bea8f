"""Balances at a moment, and histories cut there."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from uuid_utils.compat import uuid7

from balances.enums import House
from balances.models import Balance, BalanceHistory
from balances.point_in_time import (
    PastBalance,
    amounts_after,
    amounts_over_time,
    balances_at,
    last_versions_before,
)
from tests.books import balance_of, fund
from tests.clock import utc
from transactions.enums import TransactionStatus, TransactionType
from transactions.models import Transaction
from users.models import User

START = utc("2026-10-01 00:00")


def append_entries(balance: Balance, times: Sequence[datetime]) -> Balance:
    """Entries of one cent each, written at `times`, as a restore would bring them back."""
    house, _ = Balance.objects.get_or_create(house=House.EXTERNAL, currency=balance.currency)
    for at in times:
        entry = Transaction.objects.create(
            id=uuid7(),
            type=TransactionType.DEPOSIT,
            status=TransactionStatus.COMPLETED,
            source=house,
            destination=balance,
            amount=1,
            currency=balance.currency,
            created_at=at,
            effective_at=at,
            completed_at=at,
        )
        BalanceHistory.objects.create(
            balance=balance,
            transaction=entry,
            delta=1,
            amount_before=balance.amount,
            amount_after=balance.amount + 1,
            version=balance.entry_count + 1,
            created_at=at,
        )
        balance.amount += 1
        balance.version += 1
        balance.entry_count += 1
        balance.save()
    return balance


def opened(user: User, currency: str = "USD") -> Balance:
    return Balance.objects.create(user=user, currency=currency)


def minute(number: float) -> datetime:
    return START + timedelta(minutes=number)


def last_before(balance: Balance, moment: datetime) -> int:
    return last_versions_before([balance], moment)[balance.pk]


@pytest.mark.parametrize("count", [0, 1, 2, 3, 4, 7, 8, 9, 20])
def test_every_cut_is_found_whatever_the_number_of_entries(count: int, alice: User) -> None:
    balance = append_entries(opened(alice), [minute(n) for n in range(1, count + 1)])
    for number in range(count + 2):
        assert last_before(balance, minute(number)) == max(number - 1, 0)
        assert last_before(balance, minute(number + 0.5)) == min(number, count)


def test_entries_of_one_moment_are_not_parted(alice: User) -> None:
    balance = append_entries(opened(alice), [minute(1)] * 3 + [minute(2)] * 5 + [minute(3)] * 2)
    assert [last_before(balance, minute(n)) for n in (1, 2, 3, 4)] == [0, 3, 8, 10]


def test_microseconds_count(alice: User) -> None:
    after = minute(1) + timedelta(microseconds=1)
    balance = append_entries(opened(alice), [minute(1), after])
    assert last_before(balance, minute(1)) == 0
    assert last_before(balance, after) == 1
    assert last_before(balance, after + timedelta(microseconds=1)) == 2


def test_balance_at_a_moment_includes_what_was_posted_in_it(alice: User) -> None:
    dollars = append_entries(opened(alice), [minute(1), minute(2), minute(3)])
    yen = append_entries(opened(alice, "JPY"), [minute(2)])
    euros = opened(alice, "EUR")
    assert balances_at([dollars, yen, euros], minute(2)) == [
        PastBalance("USD", 2, 2),
        PastBalance("JPY", 1, 1),
        PastBalance("EUR", 0, 0),
    ]
    assert balances_at([dollars, yen], minute(1.9)) == [
        PastBalance("USD", 1, 1),
        PastBalance("JPY", 0, 0),
    ]
    assert balances_at([], minute(2)) == []
    assert amounts_after({}) == {}


def test_balance_now_is_the_current_one(alice: User) -> None:
    for _ in range(5):
        fund(alice, "1.00")
    balance = balance_of(alice)
    assert balances_at([balance], balance.updated_at) == [PastBalance("USD", 500, 5)]


def test_where_a_clock_was_set_back_a_cut_stays_where_it_was(alice: User) -> None:
    rolled = random.Random(7)
    times = [minute(n + rolled.uniform(-3, 3)) for n in range(60)]
    balance = append_entries(opened(alice), times[:40])
    moments = [minute(n) for n in range(35)]
    cuts = [last_before(balance, moment) for moment in moments]
    for moment, cut in zip(moments, cuts, strict=True):
        assert cut == 0 or times[cut - 1] < moment
        assert times[cut] >= moment
    append_entries(balance, times[40:])
    assert [last_before(balance, moment) for moment in moments] == cuts


def test_a_cut_takes_one_query_for_all_balances(alice: User) -> None:
    dollars = append_entries(opened(alice), [minute(n) for n in range(20)])
    yen = append_entries(opened(alice, "JPY"), [minute(n) for n in range(3)])
    with CaptureQueriesContext(connection) as queries:
        assert last_versions_before([dollars, yen], minute(10)) == {dollars.pk: 10, yen.pk: 3}
    assert len(queries) == 1


def test_amounts_over_time_are_those_at_each_moment(alice: User, bob: User) -> None:
    random.seed(7)
    times = sorted(random.uniform(0, 100) for _ in range(60))
    balances = [
        append_entries(opened(alice), [minute(n) for n in times[::2]]),
        append_entries(opened(bob), [minute(n) for n in times[1::9]]),
        opened(alice, "EUR"),
    ]
    moments = [minute(n) for n in (-1, *range(0, 101, 4), times[0], times[-1], 200)]
    with CaptureQueriesContext(connection) as captured:
        found = amounts_over_time(balances, moments)
    expected = {b.pk: [balance_before(b, moment) for moment in moments] for b in balances}
    assert (found, len(captured)) == (expected, 1)


def test_amounts_over_time_of_what_never_moved_are_zero(alice: User) -> None:
    empty, moments = opened(alice, "EUR"), [minute(1), minute(2)]
    assert amounts_over_time([empty], moments) == {empty.pk: [0, 0]}
    assert amounts_over_time([], moments) == {}
    moved = append_entries(opened(alice), [minute(1)])
    assert amounts_over_time([moved, empty], []) == {moved.pk: [], empty.pk: []}
    assert amounts_over_time([moved], [minute(0), minute(1), minute(1.5)]) == {moved.pk: [0, 0, 1]}


def balance_before(balance: Balance, moment: datetime) -> int:
    """By walking through all of them."""
    return BalanceHistory.objects.filter(balance=balance, created_at__lt=moment).count()
