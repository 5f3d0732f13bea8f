"""Cancelling a pending transaction: the hold is let go, nothing moves."""

import pytest

from audit.models import AuditLog
from balances.enums import BalanceStatus, House
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
    post_one,
    reverse,
    standing,
    stored,
    transfer,
)
from tests.clock import Clock, utc
from transactions import errors
from transactions.models import IdempotencyKey, Transaction
from transactions.processor import post_directly
from transactions.representation import answer_of_outcome
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


def test_cancel_lets_the_hold_go(pending: Transaction, alice: User, bob: User) -> None:
    assert post_one(cancel(pending)).error is None
    t = stored(pending)
    assert (t.status, t.amount, t.authorized_amount) == ("cancelled", 3_000, 3_000)
    assert (t.completed_at, t.failure_code) == (None, "")
    assert standing(alice) == (10_000, 0, 10_000, 3)
    assert standing(bob) == (0, 0, 0, 0)
    assert balance_of(alice).entry_count == 1
    assert not t.entries.exists()
    assert actions(t) == ["pending", "cancelled"]
    assert_books_are_sound()


def test_cancel_of_an_expired_one_is_told_as_such(pending: Transaction, alice: User) -> None:
    expire(pending)
    outcome = post_one(cancel(pending))
    assert outcome.error is None
    assert stored(pending).status == "cancelled"
    assert standing(alice)[:3] == (10_000, 0, 10_000)
    assert actions(pending) == ["pending", "expired"]
    assert_books_are_sound()


def test_hold_has_expired_at_the_very_moment(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, utc("2026-10-01 12:00"))
    fund(alice, "10.00")
    pending = hold(alice, bob, "1.00", expires_at=utc("2026-10-02 12:00"))
    clock.set("2026-10-02 12:00")
    assert post_one(cancel(pending)).error is None
    assert actions(pending) == ["pending", "expired"]


def test_pending_deposit_is_cancelled(alice: User) -> None:
    post_one(cancel(hold(House.EXTERNAL, alice, "10.00")))
    assert standing(House.EXTERNAL)[:2] == (0, 0)
    assert amount_of(alice) == 0


@pytest.mark.parametrize("side", ["payer", "receiver"])
@pytest.mark.parametrize("status", [BalanceStatus.FROZEN, BalanceStatus.DEBITS_FROZEN])
def test_frozen_balance_does_not_stop_a_cancellation(
    side: str, status: str, pending: Transaction, alice: User, bob: User
) -> None:
    """No money leaves: the payer gets back what was theirs."""
    change_balance(alice if side == "payer" else bob, status=status)
    assert post_one(cancel(pending)).error is None
    assert standing(alice)[:3] == (10_000, 0, 10_000)


def test_cancelled_one_is_neither_captured_nor_reversed(
    pending: Transaction, alice: User, bob: User
) -> None:
    post_one(cancel(pending))
    for order in (capture(pending), cancel(pending)):
        assert type(post_one(order).error) is errors.NotPending
    assert type(post_one(reverse(pending)).error) is errors.NotReversible
    assert (amount_of(alice), amount_of(bob)) == (10_000, 0)
    assert actions(pending) == ["pending", "cancelled"]


def test_what_was_let_go_is_spent_in_the_same_batch(
    pending: Transaction, alice: User, bob: User
) -> None:
    outcomes = post_directly(
        [cancel(pending), capture(pending), transfer(alice, bob, "100.00"), cancel(pending)]
    )
    assert [o.error.code if o.error else None for o in outcomes] == [
        None,
        "transaction_not_pending",
        None,
        "transaction_not_pending",
    ]
    assert standing(alice)[:3] == (0, 0, 0)
    assert_books_are_sound()


def test_one_of_several_holds_is_let_go(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    holds = [hold(alice, bob, amount) for amount in ("1.00", "2.00", "3.00")]
    post_one(cancel(holds[1]))
    assert standing(alice)[:3] == (1_000, 400, 600)
    post_one(capture(holds[2]))
    assert standing(alice)[:3] == (700, 100, 600)
    assert_books_are_sound()


def test_cancellation_is_replayed_with_the_first_answer(pending: Transaction, alice: User) -> None:
    first = post_one(cancel(pending, idempotency=idempotency("k")))
    fund(alice, "1.00")
    again = post_one(cancel(pending, idempotency=idempotency("k")))
    assert (first.replayed, again.replayed) == (False, True)
    assert again.error is None
    assert answer_of_outcome(again, SYSTEM) == answer_of_outcome(first, SYSTEM)
    assert IdempotencyKey.objects.get(key="k").transaction == pending


def test_refused_cancellation_is_replayed(pending: Transaction) -> None:
    post_one(capture(pending))
    first = post_one(cancel(pending, idempotency=idempotency("k")))
    again = post_one(cancel(pending, idempotency=idempotency("k")))
    assert type(first.error) is errors.NotPending
    assert again.replayed
    assert again.error is not None
    assert answer_of_outcome(again, SYSTEM) == answer_of_outcome(first, SYSTEM)
    assert answer_of_outcome(again, SYSTEM).status == 409


def test_deactivated_user_cancels_nothing(pending: Transaction, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_active=False)
    outcome = post_one(cancel(pending, actor=Actor.of(alice)))
    assert type(outcome.error) is errors.ActorInactive
    assert stored(pending).status == "pending"
