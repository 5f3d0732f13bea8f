"""Who may send, receive and ask: frozen and closed balances, unknown, deleted and deactivated
users."""

from datetime import UTC, datetime

import pytest

from balances.enums import BalanceStatus
from balances.models import Balance
from tests.books import (
    amount_of,
    assert_books_are_sound,
    capture,
    change_balance,
    deposit,
    fund,
    hold,
    make_user,
    post_one,
    post_refused,
    reverse,
    standing,
    transfer,
    withdrawal,
)
from transactions import errors
from transactions.instructions import Order
from transactions.models import Transaction
from users.actors import Actor
from users.models import User
from users.roles import Role

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("status", "may_send", "may_receive"),
    [
        (BalanceStatus.ACTIVE, None, None),
        (BalanceStatus.DEBITS_FROZEN, errors.BalanceFrozen, None),
        (BalanceStatus.FROZEN, errors.BalanceFrozen, errors.ReceiverUnavailable),
        (BalanceStatus.CLOSED, errors.UnknownParty, errors.UnknownParty),
    ],
)
def test_status_of_a_balance_decides_what_moves(
    status: BalanceStatus,
    may_send: type[Exception] | None,
    may_receive: type[Exception] | None,
    alice: User,
    bob: User,
) -> None:
    fund(alice, "10.00")
    fund(bob, "10.00")
    change_balance(alice, status=status)
    cases = [(transfer(alice, bob, "1.00"), may_send), (transfer(bob, alice, "1.00"), may_receive)]
    for asked, refusal in cases:
        if refusal is not None:
            post_refused(asked, refusal)
        else:
            assert post_one(asked).error is None
    assert_books_are_sound()


def test_unknown_user_is_refused_without_a_trace(alice: User) -> None:
    fund(alice, "10.00")
    nobody = User(pk=10**12, username="nobody")
    assert post_refused(transfer(alice, nobody, "1.00"), errors.UnknownParty) is None
    assert post_refused(transfer(nobody, alice, "1.00"), errors.UnknownParty) is None
    assert Transaction.objects.count() == 1


def test_deleted_user_is_refused_without_a_trace(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    fund(bob, "10.00")
    gone = make_user("gone", is_active=False, deleted_at=datetime(2026, 1, 1, tzinfo=UTC))
    User.objects.filter(pk=bob.pk).update(
        is_active=False, deleted_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    for party in (gone, bob):
        assert post_refused(transfer(alice, party, "1.00"), errors.UnknownParty) is None
        assert post_refused(transfer(party, alice, "1.00"), errors.UnknownParty) is None
    assert not Balance.objects.filter(user=gone).exists()


def test_transfer_to_oneself_is_refused_without_a_trace(alice: User) -> None:
    fund(alice, "10.00")
    assert post_refused(transfer(alice, alice, "1.00"), errors.SelfTransfer) is None
    assert amount_of(alice) == 1_000


def test_deactivated_actor_moves_nothing_from_that_instant(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    asked_before = transfer(alice, bob, "1.00", actor=Actor.of(alice))
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert post_refused(asked_before, errors.ActorInactive) is None
    assert amount_of(alice) == 1_000


def test_actor_who_is_nobody_moves_nothing(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    nobody = User(pk=10**12, username="nobody")
    assert (
        post_refused(transfer(alice, bob, "1.00", actor=Actor.of(nobody)), errors.ActorInactive)
        is None
    )


def test_deactivated_user_can_still_receive(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert post_one(transfer(alice, bob, "1.00", actor=Actor.of(alice))).error is None


def test_actor_is_who_requested_it(alice: User, bob: User, finance: User) -> None:
    fund(alice, "10.00")
    post_one(transfer(alice, bob, "1.00", actor=Actor.of(finance)))
    assert Transaction.objects.get(source__user=alice).requested_by == finance


@pytest.mark.parametrize("kind", ["transfer", "deposit", "withdrawal", "capture", "reversal"])
def test_role_that_was_taken_away_a_moment_ago_moves_nobody_elses_money(
    kind: str, alice: User, bob: User, finance: User
) -> None:
    """A process may remember the role for some seconds; the engine asks under its locks."""
    fund(alice, "100.00")
    paid = post_one(transfer(alice, bob, "10.00")).transaction
    assert paid is not None
    by = Actor.of(finance)
    orders: dict[str, Order] = {
        "transfer": transfer(alice, bob, "1.00", actor=by),
        "deposit": deposit(alice, "1.00", actor=by),
        "withdrawal": withdrawal(alice, "1.00", actor=by),
        "capture": capture(hold(alice, bob, "5.00"), actor=by),
        "reversal": reverse(paid, actor=by),
    }
    User.objects.filter(pk=finance.pk).update(role=Role.AUDITOR)
    before = standing(alice), standing(bob)
    outcome = post_one(orders[kind])
    assert type(outcome.error) is errors.NotAllowed
    assert outcome.transaction is None
    assert (standing(alice), standing(bob)) == before


def test_staff_does_not_send_the_money_of_others_to_themselves(alice: User, finance: User) -> None:
    fund(alice, "10.00")
    outcome = post_one(transfer(alice, finance, "1.00", actor=Actor.of(finance)))
    assert type(outcome.error) is errors.NotAllowed
    assert amount_of(finance) == 0
    colleague = make_user("colleague", Role.FINANCE)
    assert post_one(transfer(alice, finance, "1.00", actor=Actor.of(colleague))).error is None
