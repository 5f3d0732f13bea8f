"""Pending transactions: the amount is reserved, and nothing moves."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.dispatch import Signal
from django.utils import timezone

from audit.models import AuditLog
from balances.enums import BalanceStatus, House
from balances.models import Balance, BalanceHistory
from balances.signals import balances_changed
from tests.books import (
    SYSTEM,
    assert_books_are_sound,
    cancel,
    capture,
    change_balance,
    deposit,
    fund,
    hold,
    idempotency,
    in_an_hour,
    post_one,
    post_refused,
    standing,
    stored,
    transfer,
    withdrawal,
)
from tests.signals import connected, heard
from transactions import errors
from transactions.instructions import Instruction, Unit
from transactions.models import Transaction
from transactions.processor import post_directly, try_out
from transactions.representation import answer_of_outcome
from transactions.signals import transactions_posted
from users.accounts import delete_user
from users.errors import UserHasMoney
from users.models import User

pytestmark = pytest.mark.django_db


def test_hold_reserves_and_moves_nothing(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    until = in_an_hour()
    t = stored(hold(alice, bob, "30.00", expires_at=until))
    assert (t.status, t.amount, t.authorized_amount) == ("pending", 3_000, 3_000)
    assert (t.completed_at, t.expires_at) == (None, until)
    assert standing(alice) == (10_000, 3_000, 7_000, 2)
    assert standing(bob) == (0, 0, 0, 0)
    assert not t.entries.exists()
    row = AuditLog.objects.get(entity_id=str(t.pk))
    assert (row.action, row.details["amount"]) == ("transaction.pending", "30.00")
    assert_books_are_sound()


@pytest.mark.parametrize(("currency", "amount", "minor"), [("JPY", "7", 7), ("BHD", "0.007", 7)])
def test_hold_counts_in_minor_units_of_any_currency(
    currency: str, amount: str, minor: int, alice: User, bob: User
) -> None:
    fund(alice, "10", currency)
    had = standing(alice, currency)[0]
    hold(alice, bob, amount, currency)
    assert standing(alice, currency) == (had, minor, had - minor, 2)


def test_pending_deposit_is_held_by_the_world_outside(alice: User) -> None:
    hold(House.EXTERNAL, alice, "5.00")
    assert standing(House.EXTERNAL)[:2] == (0, 500)
    assert standing(alice) == (0, 0, 0, 0)
    assert_books_are_sound()


def test_pending_withdrawal_is_held_by_its_owner(alice: User) -> None:
    fund(alice, "5.00")
    hold(alice, House.EXTERNAL, "5.00")
    assert standing(alice) == (500, 500, 0, 2)
    assert_books_are_sound()


@pytest.mark.parametrize(
    "spend",
    [
        lambda alice, bob: transfer(alice, bob, "70.01"),
        lambda alice, _bob: withdrawal(alice, "70.01"),
        lambda alice, bob: transfer(alice, bob, "70.01", expires_at=in_an_hour()),
    ],
    ids=["transfer", "withdrawal", "hold"],
)
def test_what_is_held_is_not_spent(
    spend: Callable[[User, User], Instruction], alice: User, bob: User
) -> None:
    fund(alice, "100.00")
    hold(alice, bob, "30.00")
    refused = post_refused(spend(alice, bob), errors.InsufficientFunds)
    assert refused is not None
    assert standing(alice)[:3] == (10_000, 3_000, 7_000)
    assert post_one(transfer(alice, bob, "70.00")).error is None
    assert standing(alice)[:3] == (3_000, 3_000, 0)
    assert_books_are_sound()


def test_holds_of_one_batch_share_what_is_available(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    holds = [transfer(alice, bob, "4.00", expires_at=in_an_hour()) for _ in range(3)]
    outcomes = post_directly([*holds, transfer(alice, bob, "2.01"), transfer(alice, bob, "2.00")])
    assert [o.error.code if o.error else None for o in outcomes] == [
        None,
        None,
        "insufficient_funds",
        "insufficient_funds",
        None,
    ]
    assert standing(alice)[:3] == (800, 800, 0)
    assert_books_are_sound()


def test_group_that_is_refused_lets_its_holds_go(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    before = standing(alice)
    post_directly(
        [
            transfer(alice, bob, "6.00", group="g", expires_at=in_an_hour()),
            transfer(alice, bob, "6.00", group="g", expires_at=in_an_hour()),
        ]
    )
    assert standing(alice) == before
    statuses = Transaction.objects.order_by("id").values_list("status", flat=True)
    assert list(statuses) == ["completed", "failed"]
    assert_books_are_sound()


def test_hold_may_use_the_overdraft(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    change_balance(alice, overdraft_limit=500)
    hold(alice, bob, "15.00")
    assert standing(alice)[:3] == (1_000, 1_500, 0)
    post_refused(transfer(alice, bob, "0.01"), errors.InsufficientFunds)


@pytest.mark.parametrize("status", [BalanceStatus.DEBITS_FROZEN, BalanceStatus.FROZEN])
def test_hold_on_a_frozen_balance_is_refused(status: str, alice: User, bob: User) -> None:
    fund(alice, "10.00")
    change_balance(alice, status=status)
    asked = transfer(alice, bob, "1.00", expires_at=in_an_hour())
    kept = post_refused(asked, errors.BalanceFrozen)
    assert kept is not None
    assert stored(kept).authorized_amount is None
    assert standing(alice)[1] == 0


def test_guards_count_what_is_held(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    hold(alice, bob, "4.00")
    short = transfer(alice, bob, "1.01", min_balance_after=500)
    post_refused(short, errors.MinimumNotKept)
    post_refused(transfer(alice, bob, "1.00", expected_version=1), errors.VersionConflict)
    fits = transfer(alice, bob, "1.00", min_balance_after=500, expected_version=2)
    assert post_one(fits).error is None


@pytest.mark.parametrize("signal", [balances_changed, transactions_posted])
def test_receiver_that_fails_leaves_nothing_held(signal: Signal, alice: User, bob: User) -> None:
    fund(alice, "10.00")
    before = standing(alice)

    def fail() -> None:
        raise ZeroDivisionError

    with connected(signal, fail), pytest.raises(ZeroDivisionError):
        hold(alice, bob, "1.00")
    assert standing(alice) == before
    assert Transaction.objects.count() == 1
    assert_books_are_sound()


def test_hold_is_replayed_and_held_once(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    until = in_an_hour()
    asked = [
        transfer(alice, bob, "1.00", expires_at=until, idempotency=idempotency("k"))
        for _ in range(2)
    ]
    first, again = [post_one(one) for one in asked]
    assert (first.replayed, again.replayed) == (False, True)
    assert answer_of_outcome(again, SYSTEM) == answer_of_outcome(first, SYSTEM)
    assert standing(alice)[:3] == (1_000, 100, 900)


def test_refused_hold_is_replayed_although_the_money_is_there_now(alice: User, bob: User) -> None:
    asked = [
        transfer(alice, bob, "1.00", expires_at=in_an_hour(), idempotency=idempotency("k"))
        for _ in range(2)
    ]
    first = post_one(asked[0])
    fund(alice, "10.00")
    again = post_one(asked[1])
    assert again.replayed
    assert answer_of_outcome(again, SYSTEM) == answer_of_outcome(first, SYSTEM)
    assert standing(alice)[1] == 0


@pytest.mark.parametrize("side", ["payer", "receiver"])
def test_user_with_a_pending_transaction_is_not_deleted(
    side: str, alice: User, bob: User, charlie: User
) -> None:
    """The payer's hold is of an overdraft, so that no money stands in the way."""
    fund(alice, "1.00")
    post_one(withdrawal(alice, "1.00"))
    change_balance(alice, overdraft_limit=500)
    pending = hold(alice, bob, "5.00")
    leaving = alice if side == "payer" else bob
    with pytest.raises(UserHasMoney):
        delete_user(user_id=leaving.pk, by=SYSTEM)
    assert Balance.objects.get(user=leaving).status == BalanceStatus.ACTIVE
    post_one(cancel(pending))
    delete_user(user_id=leaving.pk, by=SYSTEM)
    assert_books_are_sound()


def test_pending_one_has_no_entries_until_it_is_captured(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    before = BalanceHistory.objects.count()
    hold(alice, bob, "1.00")
    post_one(deposit(alice, "1.00"))
    assert BalanceHistory.objects.count() == before + 2
    last = BalanceHistory.objects.filter(balance__user=alice).latest("version")
    assert (last.version, last.amount_before, last.amount_after) == (2, 1_000, 1_100)


def test_expired_hold_is_let_go_by_whatever_is_asked_of_its_balance_next(
    alice: User, bob: User
) -> None:
    fund(alice, "10.00")
    later = hold(alice, bob, "4.00", expires_at=timezone.now() + timedelta(days=90))
    over = hold(alice, bob, "4.00", expires_at=timezone.now())
    assert standing(alice)[:3] == (1_000, 800, 200)
    assert try_out(Unit([transfer(alice, bob, "6.00")])).outcomes[0].error is None
    assert standing(alice)[1] == 800
    assert post_one(transfer(alice, bob, "6.00")).error is None
    assert standing(alice)[:3] == (400, 400, 0)
    assert (stored(over).status, stored(later).status) == ("cancelled", "pending")
    told = AuditLog.objects.get(action="transaction.expired")
    assert (told.entity_id, told.actor_name) == (str(over.pk), "expire_pending")
    post_refused(transfer(alice, bob, "0.01"), errors.InsufficientFunds)
    assert_books_are_sound()


@pytest.mark.parametrize("outside", [False, True])
def test_expiry_is_told_with_both_sides_and_what_the_payer_has_then(
    alice: User, bob: User, *, outside: bool
) -> None:
    fund(alice, "10.00")
    payer = House.EXTERNAL if outside else alice
    over = hold(payer, bob, "4.00", expires_at=timezone.now())
    with heard(transactions_posted) as sent:
        post_one(deposit(alice, "1.00"))
    expired, _deposit = sent[0]["posted"]
    assert (expired.action, expired.transaction, expired.error) == ("expired", over, None)
    assert (expired.order.transaction_id, expired.order.capture_amount) == (over.pk, 0)
    source = House.EXTERNAL if outside else alice.pk
    assert (expired.source, expired.destination) == (source, bob.pk)
    people = [who and who.username for who in (expired.from_user, expired.to_user)]
    assert people == [None if outside else "alice", "bob"]
    left = expired.balance
    assert (left.amount, left.held) == (-1_000 if outside else 1_000, 0)
    assert left.updated_at == sent[0]["at"]


def test_expired_hold_that_another_order_captures_is_told_so(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    over = hold(alice, bob, "4.00", expires_at=timezone.now())
    late, moved = post_directly([capture(over), transfer(alice, bob, "10.00")])
    assert type(late.error) is errors.PendingExpired
    assert moved.error is None
    assert_books_are_sound()
