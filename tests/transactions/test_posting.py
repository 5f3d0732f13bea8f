"""Each movement of money: when it is allowed, when it is refused, and what it leaves behind."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import IntegrityError

from balances.enums import House
from balances.models import BalanceHistory
from balances.money import MAX_AMOUNT, MAX_BALANCE
from tests.books import (
    amount_of,
    assert_books_are_sound,
    balance_of,
    change_balance,
    deposit,
    fund,
    hold,
    post_one,
    post_refused,
    transfer,
    withdrawal,
)
from transactions import errors
from transactions.enums import TransactionStatus, TransactionType
from transactions.instructions import Order
from transactions.models import Transaction
from transactions.processor import post_directly
from users.models import User

pytestmark = pytest.mark.django_db


def test_deposit_comes_from_outside(alice: User) -> None:
    outcome = post_one(deposit(alice, "100.50", description="salary", reference="r-1"))
    assert outcome.error is None
    assert outcome.transaction is not None
    stored = Transaction.objects.get(pk=outcome.transaction.pk)
    assert (stored.type, stored.status) == (TransactionType.DEPOSIT, TransactionStatus.COMPLETED)
    assert (stored.source, stored.destination) == (balance_of(House.EXTERNAL), balance_of(alice))
    assert (stored.amount, stored.currency) == (10_050, "USD")
    assert (stored.description, stored.reference, stored.metadata) == ("salary", "r-1", {})
    assert stored.created_at == stored.effective_at == stored.completed_at
    assert (amount_of(alice), amount_of(House.EXTERNAL)) == (10_050, -10_050)
    assert_books_are_sound()


def test_withdrawal_goes_outside(alice: User) -> None:
    fund(alice, "100.00")
    assert post_one(withdrawal(alice, "30.00")).error is None
    assert (amount_of(alice), amount_of(House.EXTERNAL)) == (7_000, -7_000)
    assert_books_are_sound()


def test_transfer_moves_between_users(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    outcome = post_one(transfer(alice, bob, "0.01"))
    assert outcome.posted is not None
    assert outcome.posted.balance.amount == 9_999
    assert (outcome.posted.from_user, outcome.posted.to_user) != (None, None)
    assert (amount_of(alice), amount_of(bob)) == (9_999, 1)
    assert_books_are_sound()


def test_what_was_posted_names_its_sides_and_why_it_was_refused(alice: User, bob: User) -> None:
    def sides(order: Order) -> tuple[Any, ...]:
        posted = post_one(order).posted
        assert posted is not None
        parties = [party and party.username for party in (posted.from_user, posted.to_user)]
        return posted.source, posted.destination, *parties, posted.error and posted.error.code

    outside = House.EXTERNAL
    assert sides(deposit(alice, "5.00")) == (outside, alice.pk, None, "alice", None)
    assert sides(transfer(alice, bob, "3.00")) == (alice.pk, bob.pk, "alice", "bob", None)
    assert sides(withdrawal(alice, "2.00")) == (alice.pk, outside, "alice", None, None)
    refused = (alice.pk, outside, "alice", None, "insufficient_funds")
    assert sides(withdrawal(alice, "2.00")) == refused


def test_transfer_writes_one_entry_on_each_side(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    moved = post_one(transfer(alice, bob, "40.00")).transaction
    columns = ("balance__user", "delta", "amount_before", "amount_after", "version")
    entries = BalanceHistory.objects.filter(transaction=moved).values_list(*columns)
    assert set(entries) == {(alice.pk, -4_000, 10_000, 6_000, 2), (bob.pk, 4_000, 0, 4_000, 1)}


def test_whole_balance_can_be_spent_and_not_a_cent_more(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    kept = post_refused(transfer(alice, bob, "100.01"), errors.InsufficientFunds)
    assert kept is not None
    assert post_one(transfer(alice, bob, "100.00")).error is None
    assert (amount_of(alice), amount_of(bob)) == (0, 10_000)


def test_withdrawal_beyond_the_balance_is_refused(alice: User) -> None:
    fund(alice, "1.00")
    post_refused(withdrawal(alice, "1.01"), errors.InsufficientFunds)
    assert (amount_of(alice), amount_of(House.EXTERNAL)) == (100, -100)


def test_user_without_a_balance_can_only_receive(alice: User, bob: User) -> None:
    post_refused(transfer(alice, bob, "0.01"), errors.InsufficientFunds)
    assert (amount_of(alice), amount_of(bob)) == (0, 0)


def test_money_of_another_currency_does_not_count(alice: User, bob: User) -> None:
    fund(alice, "100.00", "EUR")
    post_refused(transfer(alice, bob, "1.00"), errors.InsufficientFunds)
    assert post_one(transfer(alice, bob, "1.00", "EUR")).error is None
    assert amount_of(bob, "EUR") == 100


def test_held_money_cannot_be_spent(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    hold(alice, bob, "60.00")
    post_refused(transfer(alice, bob, "40.01"), errors.InsufficientFunds)
    assert post_one(transfer(alice, bob, "40.00")).error is None
    assert balance_of(alice).available == 0


def test_overdraft_can_be_spent_down_to_its_limit(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    change_balance(alice, overdraft_limit=5_000)
    post_refused(transfer(alice, bob, "60.01"), errors.InsufficientFunds)
    assert post_one(transfer(alice, bob, "60.00")).error is None
    assert amount_of(alice) == -5_000
    assert_books_are_sound()


def test_value_date_and_metadata_are_kept(alice: User) -> None:
    long_ago = datetime(2020, 2, 29, 12, 0, 0, 1, tzinfo=UTC)
    metadata = {"order": 17, "tags": ["ä", "🐖"], "nested": {"ok": None}}
    post_one(deposit(alice, "1.00", effective_at=long_ago, metadata=metadata))
    stored = Transaction.objects.get()
    assert stored.effective_at == long_ago < stored.created_at
    assert stored.metadata == metadata


def test_expected_version_that_is_current_is_accepted(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    version = balance_of(alice).version
    assert post_one(transfer(alice, bob, "1.00", expected_version=version)).error is None
    assert balance_of(alice).version == version + 1


@pytest.mark.parametrize("stale", [0, 2, -1, 10**30])
def test_expected_version_that_is_not_current_is_refused(
    stale: int, alice: User, bob: User
) -> None:
    fund(alice, "10.00")
    outcome = post_one(transfer(alice, bob, "1.00", expected_version=stale))
    assert isinstance(outcome.error, errors.VersionConflict)
    assert outcome.error.extra == {"current_version": 1}
    assert amount_of(alice) == 1_000


def test_refusal_raises_no_version(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    post_refused(transfer(alice, bob, "99.00"), errors.InsufficientFunds)
    assert (balance_of(alice).version, balance_of(bob).version) == (1, 0)


def test_largest_amount_is_exact(alice: User) -> None:
    post_one(deposit(alice, "9999999999999999.99"))
    assert (amount_of(alice), amount_of(House.EXTERNAL)) == (MAX_AMOUNT, -MAX_AMOUNT)
    assert_books_are_sound()


def test_balance_is_filled_to_the_last_unit_and_not_beyond(alice: User, bob: User) -> None:
    big = "9999999999999999.99"
    for _ in range(9):
        assert post_one(deposit(alice, big)).error is None
    room = MAX_BALANCE - 9 * MAX_AMOUNT
    rest = f"{room // 100}.{room % 100:02}"
    assert post_one(deposit(alice, rest)).error is None
    assert (amount_of(alice), amount_of(House.EXTERNAL)) == (MAX_BALANCE, -MAX_BALANCE)
    post_refused(deposit(alice, "0.01"), errors.BalanceLimitExceeded)
    post_refused(deposit(bob, "0.01"), errors.BalanceLimitExceeded)
    assert post_one(withdrawal(alice, "0.01")).error is None
    assert post_one(deposit(bob, "0.01")).error is None
    assert_books_are_sound()


def test_batch_is_applied_in_order_and_may_spend_what_it_brought(
    alice: User, bob: User, charlie: User
) -> None:
    outcomes = post_directly(
        [
            transfer(alice, bob, "1.00"),
            deposit(alice, "50.00"),
            transfer(alice, bob, "50.00"),
            transfer(bob, charlie, "50.01"),
            transfer(bob, charlie, "20.00"),
            withdrawal(charlie, "20.00"),
        ]
    )
    refusals = [type(outcome.error) for outcome in outcomes]
    poor = errors.InsufficientFunds
    assert refusals == [poor, type(None), type(None), poor, type(None), type(None)]
    assert [amount_of(user) for user in (alice, bob, charlie)] == [0, 3_000, 0]
    shown = [outcome.posted.balance.amount for outcome in outcomes if outcome.posted is not None]
    assert shown == [0, 5_000, 0, 5_000, 3_000, 0]
    assert_books_are_sound()


def test_batch_over_several_currencies_keeps_each_at_zero(alice: User, bob: User) -> None:
    post_directly(
        [
            deposit(alice, "1.00"),
            deposit(alice, "100", "JPY"),
            deposit(alice, "1.000", "BHD"),
            transfer(alice, bob, "33", "JPY"),
            transfer(alice, bob, "0.001", "BHD"),
        ]
    )
    assert [amount_of(bob, currency) for currency in ("USD", "JPY", "BHD")] == [0, 33, 1]
    assert_books_are_sound()


def test_thousand_instructions_are_posted_as_one(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    outcomes = post_directly([transfer(alice, bob, "0.01") for _ in range(1_001)])
    assert [outcome.error is None for outcome in outcomes] == [True] * 1_000 + [False]
    assert (amount_of(alice), amount_of(bob)) == (0, 1_000)
    assert_books_are_sound()


def test_nothing_is_posted_of_nothing() -> None:
    assert post_directly([]) == []


@pytest.mark.parametrize("amount", [0, -100])
def test_amount_that_is_not_positive_never_reaches_the_books(
    amount: int, alice: User, bob: User
) -> None:
    fund(alice, "10.00")
    asked = replace(transfer(alice, bob, "1.00"), amount=amount)
    with pytest.raises(IntegrityError, match="transaction_amount_positive"):
        post_directly([transfer(alice, bob, "2.00"), asked])
    assert (amount_of(alice), amount_of(bob)) == (1_000, 0)
