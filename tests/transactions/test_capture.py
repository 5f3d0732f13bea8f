"""Capture: what was held moves, all or part of it; the rest of the hold is let go."""

from typing import Any

import pytest
from django.db import connection
from django.dispatch import Signal

from audit.models import AuditLog
from balances.accounts import ConcurrentUpdate
from balances.enums import BalanceStatus, House
from balances.models import BalanceHistory
from balances.money import MAX_AMOUNT, MAX_BALANCE, format_amount
from balances.signals import balances_changed
from tests.books import (
    SYSTEM,
    amount_of,
    assert_books_are_sound,
    balance_of,
    cancel,
    capture,
    change_balance,
    expire,
    fund,
    hold,
    idempotency,
    instruction,
    post_one,
    reverse,
    standing,
    stored,
    transfer,
)
from tests.signals import connected
from transactions import errors
from transactions.enums import TransactionType
from transactions.instructions import Unit
from transactions.models import Transaction
from transactions.posting import post
from transactions.processor import post_directly
from transactions.representation import answer_of_outcome
from transactions.signals import transactions_posted
from users.actors import Actor
from users.models import User

pytestmark = pytest.mark.django_db


@pytest.fixture
def pending(alice: User, bob: User) -> Transaction:
    """30 of Alice's 100 for Bob."""
    fund(alice, "100.00")
    return hold(alice, bob, "30.00")


def actions(t: Transaction) -> list[str]:
    rows = AuditLog.objects.filter(entity_id=str(t.pk)).order_by("id")
    return [row.action.removeprefix("transaction.") for row in rows]


def deltas(t: Transaction) -> dict[int, int]:
    return dict(t.entries.values_list("balance_id", "delta"))


def test_capture_in_full_moves_all(pending: Transaction, alice: User, bob: User) -> None:
    outcome = post_one(capture(pending))
    assert outcome.error is None
    t = stored(pending)
    assert (t.status, t.amount, t.authorized_amount) == ("completed", 3_000, 3_000)
    assert t.completed_at is not None
    assert t.completed_at == t.entries.earliest("id").created_at
    assert standing(alice)[:3] == (7_000, 0, 7_000)
    assert standing(bob)[:3] == (3_000, 0, 3_000)
    assert deltas(t) == {balance_of(alice).pk: -3_000, balance_of(bob).pk: 3_000}
    assert actions(t) == ["pending", "captured"]
    assert_books_are_sound()


def test_capture_in_part_lets_the_rest_go(pending: Transaction, alice: User, bob: User) -> None:
    post_one(capture(pending, "12.34"))
    t = stored(pending)
    assert (t.status, t.amount, t.authorized_amount) == ("completed", 1_234, 3_000)
    assert standing(alice)[:3] == (8_766, 0, 8_766)
    assert standing(bob)[:3] == (1_234, 0, 1_234)
    row = AuditLog.objects.get(entity_id=str(t.pk), action="transaction.captured")
    assert row.details["amount"] == "12.34"
    assert_books_are_sound()


def test_capture_raises_the_versions_of_both(pending: Transaction, alice: User, bob: User) -> None:
    before = standing(alice)[3], standing(bob)[3]
    post_one(capture(pending))
    assert standing(alice)[3] > before[0]
    assert standing(bob)[3] > before[1]
    assert balance_of(alice).entry_count == 2


@pytest.mark.parametrize(
    "case",
    [("JPY", "30", "7", 7), ("BHD", "0.030", "0.007", 7), ("BHD", "30", "29.999", 29_999)],
    ids=str,
)
def test_capture_counts_in_minor_units_of_any_currency(
    case: tuple[str, str, str, int], alice: User, bob: User
) -> None:
    currency, held, part, moved = case
    fund(alice, "100", currency)
    had = amount_of(alice, currency)
    post_one(capture(hold(alice, bob, held, currency), part))
    assert standing(alice, currency)[:3] == (had - moved, 0, had - moved)
    assert amount_of(bob, currency) == moved


def test_deposit_and_withdrawal_are_captured(alice: User) -> None:
    post_one(capture(hold(House.EXTERNAL, alice, "10.00"), "8.00"))
    assert (standing(alice)[:3], standing(House.EXTERNAL)[:2]) == ((800, 0, 800), (-800, 0))
    post_one(capture(hold(alice, House.EXTERNAL, "8.00"), "0.01"))
    assert (standing(alice)[:3], standing(House.EXTERNAL)[:2]) == ((799, 0, 799), (-799, 0))
    assert_books_are_sound()


def test_capture_of_more_than_was_held_changes_nothing(
    pending: Transaction, alice: User, bob: User
) -> None:
    before = standing(alice), standing(bob), actions(pending)
    outcome = post_one(capture(pending, "30.01"))
    assert type(outcome.error) is errors.CaptureTooLarge
    assert (standing(alice), standing(bob), actions(pending)) == before
    assert stored(pending).status == "pending"
    assert post_one(capture(pending, "30.00")).error is None


@pytest.mark.parametrize("status", ["completed", "captured", "cancelled", "expired", "failed"])
def test_only_what_is_pending_is_captured(status: str, alice: User, bob: User) -> None:
    fund(alice, "100.00")
    if status in {"completed", "failed"}:
        amount = "1.00" if status == "completed" else "999.00"
        t = post_one(transfer(alice, bob, amount)).transaction
        assert t is not None
    else:
        t = hold(alice, bob, "1.00")
        if status == "expired":
            expire(t)
        post_one(cancel(t) if status == "cancelled" else capture(t))
    before = standing(alice), standing(bob), actions(t), deltas(t)
    for order in (capture(t), capture(t, "0.50"), cancel(t)):
        assert type(post_one(order).error) is errors.NotPending
    assert (standing(alice), standing(bob), actions(t), deltas(t)) == before
    assert_books_are_sound()


def test_capture_of_an_expired_one_releases_the_hold(
    pending: Transaction, alice: User, bob: User
) -> None:
    expire(pending)
    outcome = post_one(capture(pending))
    assert type(outcome.error) is errors.PendingExpired
    t = stored(pending)
    assert (t.status, t.amount, t.completed_at) == ("cancelled", 3_000, None)
    assert standing(alice)[:3] == (10_000, 0, 10_000)
    assert amount_of(bob) == 0
    assert actions(t) == ["pending", "expired"]
    assert not t.entries.exists()
    assert_books_are_sound()


def test_capture_of_too_much_of_an_expired_one_says_that_it_expired(
    pending: Transaction, alice: User
) -> None:
    expire(pending)
    assert type(post_one(capture(pending, "30.01")).error) is errors.PendingExpired
    assert standing(alice)[1] == 0


@pytest.mark.parametrize(
    ("side", "status"),
    [
        ("payer", BalanceStatus.FROZEN),
        ("payer", BalanceStatus.DEBITS_FROZEN),
        ("receiver", BalanceStatus.FROZEN),
    ],
)
def test_frozen_balance_is_asked_at_capture(
    side: str, status: str, pending: Transaction, alice: User, bob: User
) -> None:
    owner = alice if side == "payer" else bob
    change_balance(owner, status=status)
    expected = errors.BalanceFrozen if side == "payer" else errors.ReceiverUnavailable
    assert type(post_one(capture(pending)).error) is expected
    assert stored(pending).status == "pending"
    assert standing(alice)[1] == 3_000
    change_balance(owner, status=BalanceStatus.ACTIVE)
    assert post_one(capture(pending)).error is None
    assert amount_of(bob) == 3_000
    assert_books_are_sound()


def test_receiver_whose_debits_are_frozen_is_paid(pending: Transaction, bob: User) -> None:
    change_balance(bob, status=BalanceStatus.DEBITS_FROZEN)
    assert post_one(capture(pending)).error is None
    assert amount_of(bob) == 3_000


def test_unknown_transaction_is_not_captured(db: None) -> None:
    outcome = post_one(capture(Transaction(currency="USD")))
    assert type(outcome.error) is errors.UnknownTransaction
    assert outcome.transaction is None


def test_deactivated_user_captures_nothing(pending: Transaction, alice: User, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    outcome = post_one(capture(pending, actor=Actor.of(bob)))
    assert type(outcome.error) is errors.ActorInactive
    assert standing(alice)[1] == 3_000


@pytest.mark.parametrize("signal", [balances_changed, transactions_posted])
@pytest.mark.parametrize("amount", ["12.34", "0"])
def test_receiver_that_fails_leaves_it_pending(
    signal: Signal, amount: str, pending: Transaction, alice: User, bob: User
) -> None:
    before = standing(alice), standing(bob), BalanceHistory.objects.count()
    order = cancel(pending) if amount == "0" else capture(pending, amount)

    def fail() -> None:
        raise ZeroDivisionError

    with connected(signal, fail), pytest.raises(ZeroDivisionError):
        post_one(order)
    assert (standing(alice), standing(bob), BalanceHistory.objects.count()) == before
    t = stored(pending)
    assert (t.status, t.amount, actions(t)) == ("pending", 3_000, ["pending"])
    assert post_one(capture(pending)).error is None
    assert_books_are_sound()


@pytest.mark.parametrize("amount", ["10.00", "31.00"])
def test_capture_is_replayed_with_the_first_answer(
    amount: str, pending: Transaction, alice: User, bob: User
) -> None:
    """A success, and a refusal that would be another one now."""
    first = post_one(capture(pending, amount, idempotency=idempotency("k")))
    if first.error is not None:
        assert post_one(capture(pending)).error is None
    before = standing(alice), standing(bob)
    again = post_one(capture(pending, amount, idempotency=idempotency("k")))
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.error is None) is (first.error is None) is (amount == "10.00")
    assert answer_of_outcome(again, SYSTEM) == answer_of_outcome(first, SYSTEM)
    assert (standing(alice), standing(bob)) == before


def test_expired_capture_is_replayed(pending: Transaction) -> None:
    expire(pending)
    first = post_one(capture(pending, idempotency=idempotency("k")))
    again = post_one(capture(pending, idempotency=idempotency("k")))
    assert again.replayed
    assert again.error is not None
    assert answer_of_outcome(again, SYSTEM) == answer_of_outcome(first, SYSTEM)
    assert answer_of_outcome(again, SYSTEM).status == 409


def test_capture_with_the_key_of_another_request_is_refused(
    pending: Transaction, alice: User
) -> None:
    other = hold(alice, User.objects.get(username="bob"), "1.00")
    post_one(capture(other, idempotency=idempotency("k", "other")))
    outcome = post_one(capture(pending, idempotency=idempotency("k", "this")))
    assert type(outcome.error) is errors.IdempotencyKeyReused
    assert stored(pending).status == "pending"


def test_effects_within_one_batch(
    pending: Transaction, alice: User, bob: User, charlie: User
) -> None:
    """The second capture finds it captured; what was let go and what came in are spent."""
    outcomes = post_directly(
        [
            transfer(alice, charlie, "80.00"),
            capture(pending, "10.00"),
            capture(pending, "10.00"),
            cancel(pending),
            transfer(alice, charlie, "90.00"),
            transfer(bob, charlie, "10.00"),
            transfer(bob, charlie, "0.01"),
        ]
    )
    assert [o.error.code if o.error else None for o in outcomes] == [
        "insufficient_funds",
        None,
        "transaction_not_pending",
        "transaction_not_pending",
        None,
        None,
        "insufficient_funds",
    ]
    assert [amount_of(user) for user in (alice, bob, charlie)] == [0, 0, 10_000]
    assert_books_are_sound()


def test_captured_one_is_reversed_up_to_what_was_captured(
    pending: Transaction, alice: User, bob: User
) -> None:
    outcomes = post_directly(
        [capture(pending, "10.00"), reverse(pending, "10.01"), reverse(pending)]
    )
    codes = [o.error.code if o.error else None for o in outcomes]
    assert codes == [None, "reversal_exceeds_original", None]
    assert (amount_of(alice), amount_of(bob)) == (10_000, 0)
    assert_books_are_sound()


def test_capture_that_no_balance_can_keep_is_refused(alice: User, bob: User) -> None:
    """There was room when it was held, and there is none any more."""

    def give(to: User, minor: int, house: House) -> None:
        while minor:
            part = min(minor, MAX_AMOUNT)
            text = format_amount(part, "USD")
            given = instruction(TransactionType.ADJUSTMENT, house, to, text)
            assert post_one(given).error is None
            minor -= part

    give(alice, 1_000, House.EXTERNAL)
    pending = hold(alice, bob, "10.00")
    give(bob, MAX_BALANCE - 999, House.ADJUSTMENTS)
    assert type(post_one(capture(pending)).error) is errors.BalanceLimitExceeded
    assert stored(pending).status == "pending"
    assert post_one(capture(pending, "9.99")).error is None
    assert amount_of(bob) == MAX_BALANCE
    assert_books_are_sound()


def test_pending_one_that_was_settled_behind_the_lock_stops_the_batch(
    pending: Transaction, alice: User, bob: User
) -> None:
    """What must never happen, happens once: the guarded UPDATE finds it."""
    done: list[bool] = []

    def meddle(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
        settling = sql.startswith("UPDATE") and "transactions_transaction" in sql
        if settling and not done:
            done.append(True)
            Transaction.objects.filter(pk=pending.pk).update(status="cancelled")
        return execute(sql, params, many, context)

    with connection.execute_wrapper(meddle), pytest.raises(ConcurrentUpdate):
        post_one(capture(pending))
    assert done
    assert amount_of(bob) == 0
    assert amount_of(alice) == 10_000


def test_capture_of_which_nobody_heard_is_found_by_its_own_key(
    pending: Transaction, alice: User
) -> None:
    """The commit went through, but the connection was lost before the answer."""
    order = capture(pending)
    (first,) = post([Unit([order])])
    (again,) = post([Unit([order])], recovering=True)
    assert [o.replayed for o in (*first.outcomes, *again.outcomes)] == [False, True]
    assert again.outcomes[0].error is None
    assert amount_of(alice) == 7_000
