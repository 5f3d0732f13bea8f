"""Maker and checker: what one person asks for, another one approves, and once."""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import uuid4

import pytest
from django.utils import timezone

from audit.models import AuditLog
from balances.enums import BalanceStatus, House
from ledgerlink.errors import LedgerError
from tests.books import (
    SYSTEM,
    amount_of,
    assert_books_are_sound,
    balance_of,
    fund,
    make_user,
    post_one,
    transfer,
)
from tests.transactions.approvals import adjustment, agree, ask, freeze, stored
from transactions import errors
from transactions.approval_model import Approval
from transactions.approvals import (
    approve,
    foresee,
    reject,
    request_approval,
    withdraw,
)
from transactions.asked import (
    Asked,
    Freeze,
    LimitChange,
    ReversalAsked,
    Transfer,
    Withdrawal,
)
from transactions.limits import set_limit
from transactions.models import Transaction, TransactionLimit
from users.accounts import delete_user, update_user
from users.actors import Actor
from users.models import User
from users.roles import Role

pytestmark = pytest.mark.django_db


def paid(alice: User, bob: User) -> Transaction:
    fund(alice, "100.00")
    made = post_one(transfer(alice, bob, "30.00")).transaction
    assert made is not None
    return made


# --- What is carried out ---


@pytest.mark.parametrize(("direction", "left"), [("credit", 15_000), ("debit", 5_000)])
def test_approved_adjustment_is_carried_out_in_both_names(
    direction: str, left: int, alice: User, finance: User, checker: User
) -> None:
    fund(alice, "100.00")
    approval = ask(finance, adjustment(alice, "50.00", direction, reference="ticket 7"))
    assert amount_of(alice) == 10_000
    decision = agree(approval, checker, comment="seen the bank")
    made = decision.approval.transaction
    assert decision.refusal is None
    assert made is not None
    assert (made.type, made.status, made.reference) == ("adjustment", "completed", "ticket 7")
    assert (made.requested_by, made.approved_by) == (finance, checker)
    assert (amount_of(alice), amount_of(House.ADJUSTMENTS)) == (left, 10_000 - left)
    kept = stored(approval)
    assert (kept.status, kept.decided_by, kept.comment) == ("approved", checker, "seen the bank")
    assert made.approval == kept
    assert_books_are_sound()


def test_trail_names_both_people(alice: User, finance: User, checker: User) -> None:
    approval = ask(finance, adjustment(alice, "50.00"))
    decision = agree(approval, checker)
    asked, moved, agreed = AuditLog.objects.order_by("id")
    assert (asked.actor_name, asked.action) == ("finance", "approval.requested")
    assert asked.details == {
        "kind": "adjustment",
        "summary": "Credit 50.00 USD to alice",
        "reason": "booked twice",
        "requested_by": "finance",
    }
    assert (moved.actor_name, moved.action) == ("checker", "transaction.completed")
    assert moved.details["requested_by"] == "finance"
    assert moved.details["approval"] == asked.entity_id == agreed.entity_id == str(approval.pk)
    assert (agreed.actor_name, agreed.action) == ("checker", "approval.approved")
    assert agreed.details["decided_by"] == "checker"
    assert agreed.details["transaction"] == str(decision.approval.transaction_id)


def test_approved_reversal_moves_what_was_left_when_it_was_asked(
    alice: User, bob: User, finance: User, checker: User
) -> None:
    approval = ask(finance, ReversalAsked(transaction_id=paid(alice, bob).pk))
    assert approval.summary == "Reverse 30.00 USD of the transfer from alice to bob"
    made = agree(approval, checker).approval.transaction
    assert made is not None
    assert (made.type, made.amount, made.reverses_id) == ("reversal", 3_000, approval.original_id)
    assert (amount_of(alice), amount_of(bob)) == (10_000, 0)


def test_forced_reversal_and_debit_leave_a_debt(
    alice: User, bob: User, charlie: User, finance: User, checker: User
) -> None:
    original = paid(alice, bob)
    post_one(transfer(bob, charlie, "30.00"))
    forced = ReversalAsked(transaction_id=original.pk, allow_overdraft=True)
    assert agree(ask(finance, forced), checker).refusal is None
    debit = adjustment(bob, "1.00", "debit", allow_overdraft=True)
    assert agree(ask(finance, debit), checker).refusal is None
    assert amount_of(bob) == -3_100
    assert_books_are_sound()


def test_approved_freeze_holds_until_its_end_and_is_audited_in_both_names(
    alice: User, bob: User, finance: User, checker: User
) -> None:
    fund(alice, "1.00")
    until = timezone.now() + timedelta(days=1)
    asked = Freeze(user_id=alice.pk, currency="USD", status=BalanceStatus.FROZEN, until=until)
    assert agree(ask(finance, asked), checker).refusal is None
    frozen = balance_of(alice)
    assert (frozen.status, frozen.frozen_until, frozen.freeze_reason) == (
        "frozen",
        until,
        "booked twice",
    )
    record = AuditLog.objects.get(action="balance.frozen")
    assert (record.actor_name, record.details["requested_by"]) == ("checker", "finance")
    thaw = Freeze(user_id=alice.pk, currency="USD", status=BalanceStatus.ACTIVE)
    assert agree(ask(finance, thaw), checker).refusal is None
    assert post_one(transfer(alice, bob, "1.00")).error is None


@pytest.mark.parametrize("of_role", [False, True])
def test_approved_limit_replaces_the_old_one(
    *, of_role: bool, alice: User, finance: User, checker: User
) -> None:
    subject = {"role": Role.USER} if of_role else {"user_id": alice.pk}
    for per_day in (5_000, None):
        asked = LimitChange(currency="USD", per_transaction=900, per_day=per_day, **subject)
        assert agree(ask(finance, asked), checker).refusal is None
    limit = TransactionLimit.objects.get()
    assert (limit.per_transaction, limit.per_day) == (900, None)
    record = AuditLog.objects.filter(action="limit.changed").latest("id")
    assert (record.actor_name, record.details["requested_by"]) == ("checker", "finance")
    assert record.details["changes"]["per_day"] == ["50.00", None]


def test_approved_withdrawal_may_be_of_any_amount(
    alice: User, finance: User, checker: User
) -> None:
    fund(alice, "50000.00")
    asked = Withdrawal(user_id=alice.pk, currency="USD", amount=2_000_000, description="House")
    made = agree(ask(finance, asked), checker).approval.transaction
    assert made is not None
    assert (made.type, made.description, amount_of(alice)) == ("withdrawal", "House", 3_000_000)


def test_approved_transfer_may_be_of_any_amount(
    alice: User, bob: User, finance: User, checker: User
) -> None:
    fund(alice, "50000.00")
    asked = Transfer(
        from_user_id=alice.pk, to_user_id=bob.pk, currency="USD", amount=2_000_000, reference="Deed"
    )
    approval = ask(finance, asked)
    assert (approval.summary, approval.user) == ("Transfer 20,000.00 USD from alice to bob", alice)
    made = agree(approval, checker).approval.transaction
    assert made is not None
    assert (made.type, made.reference, made.approved_by) == ("transfer", "Deed", checker)
    assert (amount_of(alice), amount_of(bob)) == (3_000_000, 2_000_000)


def test_whoever_gets_the_money_leaves_the_decision_to_others(
    alice: User, finance: User, checker: User, admin: User
) -> None:
    fund(alice, "5.00")
    to_checker = Transfer(from_user_id=alice.pk, to_user_id=checker.pk, currency="USD", amount=500)
    for asked in (adjustment(checker, "5.00"), to_checker):
        approval = ask(finance, asked)
        with pytest.raises(errors.NotAllowed, match="A colleague must do"):
            agree(approval, checker)
        assert stored(approval).status == "requested"
        with pytest.raises(errors.NotAllowed):
            ask(checker, asked)
        assert agree(approval, admin).refusal is None
    assert amount_of(checker) == 1_000


def test_what_the_engine_refuses_has_failed_with_its_code(
    alice: User, finance: User, checker: User
) -> None:
    fund(alice, "1.00")
    decision = agree(ask(finance, adjustment(alice, "2.00", "debit")), checker)
    assert isinstance(decision.refusal, errors.InsufficientFunds)
    kept = stored(decision.approval)
    assert (kept.status, kept.failure_code) == ("failed", "insufficient_funds")
    assert kept.transaction is not None
    assert (kept.transaction.status, kept.transaction.approved_by) == ("failed", checker)
    assert amount_of(alice) == 100


def test_what_became_impossible_meanwhile_has_failed_without_a_transaction(
    alice: User, bob: User, finance: User, checker: User
) -> None:
    original = paid(alice, bob)
    first, second = (ask(finance, ReversalAsked(transaction_id=original.pk)) for _ in range(2))
    assert agree(first, checker).refusal is None
    decision = agree(second, checker)
    assert isinstance(decision.refusal, errors.ReversalTooLarge)
    assert (stored(second).status, stored(second).transaction) == ("failed", None)
    limit = ask(finance, LimitChange(user_id=bob.pk, currency="USD", per_day=1))
    post_one(transfer(bob, alice, "0.01"))
    delete_user(user_id=bob.pk, by=SYSTEM)
    assert agree(limit, checker).approval.failure_code == "user_not_found"


# --- What can't be asked ---


IMPOSSIBLE: dict[type[LedgerError], Callable[[User, User], Asked]] = {
    errors.UnknownTransaction: lambda *_: ReversalAsked(transaction_id=uuid4()),
    errors.ReversalTooLarge: lambda a, b: ReversalAsked(transaction_id=paid(a, b).pk, amount=3_001),
    errors.StatusUnchanged: lambda a, _: freeze(a, BalanceStatus.ACTIVE),
    errors.FreezeOver: lambda a, _: freeze(a, until=timezone.now()),
    errors.UnknownParty: lambda a, _: Withdrawal(user_id=a.pk + 999, currency="USD", amount=1),
    errors.SelfTransfer: lambda a, _: Transfer(
        from_user_id=a.pk, to_user_id=a.pk, currency="USD", amount=1
    ),
}


@pytest.mark.parametrize("error", IMPOSSIBLE)
def test_what_can_never_be_is_refused_when_it_is_asked(
    error: type[LedgerError], alice: User, bob: User, finance: User
) -> None:
    with pytest.raises(error):
        ask(finance, IMPOSSIBLE[error](alice, bob))
    assert not Approval.objects.exists()


def test_what_may_become_possible_can_be_asked(alice: User, finance: User, checker: User) -> None:
    asked = adjustment(alice, "5.00", "debit")
    (foreseen,) = foresee(asked=asked, reason="r", by=Actor.of(finance)).outcomes
    assert isinstance(foreseen.error, errors.InsufficientFunds)
    assert not Transaction.objects.exists()
    approval = ask(finance, asked)
    fund(alice, "5.00")
    assert agree(approval, checker).refusal is None


def test_reason_and_comment_of_a_rejection_are_required(
    alice: User, finance: User, checker: User
) -> None:
    with pytest.raises(errors.ExplanationMissing):
        request_approval(asked=adjustment(alice, "1.00"), reason="  ", by=Actor.of(finance))
    with pytest.raises(errors.ExplanationMissing):
        reject(approval_id=ask(finance, freeze(alice)).pk, by=Actor.of(checker), comment=" ")


def test_reason_and_comment_are_refused_rather_than_cut(
    alice: User, finance: User, checker: User
) -> None:
    long, by = "x" * 256, Actor.of(finance)
    with pytest.raises(errors.ExplanationTooLong):
        request_approval(asked=freeze(alice), reason=long, by=by)
    approval = ask(finance, freeze(alice))
    for decision in (
        partial(approve, by=Actor.of(checker)),
        partial(reject, by=Actor.of(checker)),
        partial(withdraw, by=by),
    ):
        with pytest.raises(errors.ExplanationTooLong):
            decision(approval_id=approval.pk, comment=long)
    assert (stored(approval).status, stored(approval).comment) == ("requested", "")
    approve(approval_id=approval.pk, by=Actor.of(checker), comment=f" {long[1:]} ")
    assert stored(approval).comment == long[1:]


# --- Who may ---


@pytest.mark.parametrize("role", [Role.USER, Role.AUDITOR])
def test_others_neither_ask_nor_decide(role: Role, alice: User, finance: User) -> None:
    other = make_user("other", role)
    with pytest.raises(errors.NotAllowed):
        ask(other, freeze(alice))
    approval = ask(finance, freeze(alice))
    by = Actor.of(other)
    for call in (approve, partial(reject, comment="no"), withdraw):
        with pytest.raises(errors.NotAllowed):
            call(approval_id=approval.pk, by=by)
    assert stored(approval).status == "requested"


@pytest.mark.parametrize("is_superuser", [False, True])
@pytest.mark.parametrize("role", [Role.FINANCE, Role.ADMIN])
def test_nobody_decides_on_their_own_request(
    *, role: Role, is_superuser: bool, alice: User
) -> None:
    maker = make_user("maker", role, is_superuser=is_superuser)
    approval = ask(maker, freeze(alice))
    for call in (approve, partial(reject, comment="no")):
        with pytest.raises(errors.OwnRequest):
            call(approval_id=approval.pk, by=Actor.of(maker))
    assert stored(approval).status == "requested"


def test_programs_and_commands_neither_ask_nor_decide(alice: User, finance: User) -> None:
    program = Actor(finance.pk, "billing", SYSTEM.request, shows_key=True)
    approval = ask(finance, freeze(alice))
    for by in (program, SYSTEM):
        with pytest.raises(errors.NotAllowed):
            request_approval(asked=freeze(alice), reason="r", by=by)
        with pytest.raises(errors.NotAllowed):
            approve(approval_id=approval.pk, by=by)


def test_role_of_the_one_who_asked_is_judged_again(
    alice: User, finance: User, checker: User
) -> None:
    approval = ask(finance, freeze(alice))
    update_user(user_id=finance.pk, changes={"role": Role.AUDITOR}, by=SYSTEM)
    with pytest.raises(errors.RequesterNotAllowed):
        agree(approval, checker)
    update_user(user_id=finance.pk, changes={"role": Role.ADMIN, "is_active": False}, by=SYSTEM)
    with pytest.raises(errors.RequesterNotAllowed):
        agree(approval, checker)
    delete_user(user_id=finance.pk, by=SYSTEM)
    with pytest.raises(errors.RequesterNotAllowed):
        agree(approval, checker)
    rejected = reject(approval_id=approval.pk, by=Actor.of(checker), comment="left us")
    assert rejected.status == "rejected"


def test_role_of_the_one_who_approves_is_read_from_the_database(
    alice: User, finance: User, checker: User
) -> None:
    approval = ask(finance, freeze(alice))
    update_user(user_id=checker.pk, changes={"role": Role.USER}, by=SYSTEM)
    with pytest.raises(errors.NotAllowed):  # `checker` still says finance
        agree(approval, checker)


# --- One person alone ---


def test_limits_are_not_set_by_one_person(alice: User, admin: User) -> None:
    with pytest.raises(errors.ApprovalRequired):
        set_limit(
            subject=alice, currency="USD", per_transaction=1, per_day=None, by=Actor.of(admin)
        )
    assert not TransactionLimit.objects.exists()
