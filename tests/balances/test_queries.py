"""Readers see what can be spent: holds and freezes count as long as they last, and no longer."""

import json
from datetime import timedelta

import pytest
from django.db import DatabaseError, connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from balances.cache import BalanceCache
from balances.enums import BalanceStatus
from balances.models import Balance
from balances.queries import (
    release_expired,
    released_balances_of,
    shown_balances,
    take_off_expired,
    with_status,
)
from balances.signals import balances_read
from tests.books import balance_of, change_balance, expire, fund, hold
from tests.signals import heard
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def holds(alice: User, bob: User, charlie: User) -> None:
    """Of Alice's 10.00 USD 2.00 are held, and 1.00 was until a second ago, as Charlie's 3.00."""
    fund(alice, "10.00")
    fund(charlie, "10.00")
    hold(alice, bob, "2.00")
    over = [hold(alice, bob, "1.00"), hold(charlie, bob, "3.00")]
    for pending in over:
        expire(pending)


def test_reader_finds_only_their_own_expired_holds_let_go(
    holds: None, alice: User, charlie: User
) -> None:
    (seen,) = released_balances_of(alice.pk)
    assert (seen.amount, seen.held, seen.available) == (1_000, 200, 800)
    assert balance_of(alice).held == 200
    assert balance_of(charlie).held == 300


def test_holds_are_let_go_once(holds: None, alice: User) -> None:
    assert release_expired(alice.pk)
    assert not release_expired(alice.pk)
    assert not release_expired(10**12)


def test_what_cannot_be_let_go_of_now_stays_held(
    holds: None, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(**_kwargs: object) -> int:
        raise DatabaseError

    monkeypatch.setattr("transactions.receivers.expire_pending", fails)
    assert not release_expired(alice.pk)
    (seen,) = released_balances_of(alice.pk)
    assert (seen.held, seen.available) == (300, 700)


def test_list_takes_expired_holds_off_without_a_change(
    holds: None, alice: User, bob: User, charlie: User
) -> None:
    shown = [balance_of(user) for user in (alice, bob, charlie)]
    with CaptureQueriesContext(connection) as queries:
        take_off_expired(shown)
    assert [balance.held for balance in shown] == [200, 0, 0]
    assert [balance_of(user).held for user in (alice, charlie)] == [300, 300]
    assert len(queries) == 1
    with CaptureQueriesContext(connection) as queries:
        take_off_expired(shown[1:])
    assert len(queries) == 0


def test_reader_is_shown_what_the_one_before_has_found(
    redis_cache: BalanceCache, alice: User, bob: User
) -> None:
    for currency, amount in (("USD", "10.00"), ("JPY", "5")):
        fund(alice, amount, currency)
    fund(bob, "1.00")
    with heard(balances_read) as read:
        found = shown_balances(alice.pk)
        with CaptureQueriesContext(connection) as queries:
            assert shown_balances(alice.pk) == found
        assert len(queries) == 0
        assert shown_balances(bob.pk) != found
    assert [told["cached"] for told in read] == [False, True, False]
    assert [json.loads(text)["amount"] for text in found.values()] == ["5", "10.00"]
    assert list(found) == ["JPY", "USD"]


def test_hold_that_expires_while_it_is_remembered_is_let_go(
    redis_cache: BalanceCache, holds: None, alice: User, bob: User, charlie: User
) -> None:
    def held() -> str:
        return str(json.loads(shown_balances(alice.pk)["USD"])["held"])

    pending = hold(alice, bob, "4.00")
    assert held() == "6.00"
    expire(pending)
    with heard(balances_read) as read:
        assert [held(), held()] == ["2.00", "2.00"]
    assert [told["cached"] for told in read] == [True, True]
    assert balance_of(charlie).held == 300


def test_balances_are_found_by_the_status_that_counts_now(
    alice: User, bob: User, charlie: User
) -> None:
    for user in (alice, bob, charlie):
        fund(user, "1.00")
    now = timezone.now()
    change_balance(bob, status=BalanceStatus.FROZEN, frozen_until=now - timedelta(seconds=1))
    change_balance(charlie, status=BalanceStatus.FROZEN, frozen_until=now + timedelta(days=1))

    def of(status: BalanceStatus) -> set[int | None]:
        owned = Balance.objects.filter(user__isnull=False)
        return {balance.user_id for balance in with_status(owned, status, now)}

    assert of(BalanceStatus.ACTIVE) == {alice.pk, bob.pk}
    assert of(BalanceStatus.FROZEN) == {charlie.pk}
