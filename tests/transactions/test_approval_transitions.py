"""What becomes of a request: decided once, expired, out of date, or undone whole."""

from collections.abc import Callable
from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.core.management import call_command

from audit.models import AuditLog
from balances.enums import House
from ledgerlink.errors import NotFound
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
from tests.clock import Clock, utc
from tests.concurrency import at_once
from tests.transactions.approvals import adjustment, agree, ask, freeze, stored
from transactions import errors
from transactions.approval_model import Approval
from transactions.approvals import (
    approve,
    expire_approvals,
    reject,
    request_approval,
    withdraw,
)
from transactions.asked import (
    LimitChange,
    Withdrawal,
)
from transactions.enums import ApprovalStatus
from transactions.instructions import Seen
from transactions.limits import set_limit
from transactions.models import Transaction, TransactionLimit
from transactions.signals import approval_changed
from users.actors import Actor
from users.models import User
from users.roles import Role

pytestmark = pytest.mark.django_db


def test_rejected_and_withdrawn_ones_do_nothing(alice: User, finance: User, checker: User) -> None:
    rejected, withdrawn = (ask(finance, adjustment(alice, "1.00")) for _ in range(2))
    reject(approval_id=rejected.pk, by=Actor.of(checker), comment="not ours")
    with pytest.raises(errors.NotYourRequest):
        withdraw(approval_id=withdrawn.pk, by=Actor.of(checker))
    withdraw(approval_id=withdrawn.pk, by=Actor.of(finance))
    kept = stored(rejected), stored(withdrawn)
    assert [(a.status, a.decided_by, a.comment) for a in kept] == [
        ("rejected", checker, "not ours"),
        ("withdrawn", None, ""),
    ]
    assert not Transaction.objects.exists()
    assert AuditLog.objects.filter(action="approval.rejected", actor_name="checker").exists()
    assert AuditLog.objects.filter(action="approval.withdrawn", actor_name="finance").exists()


@pytest.mark.parametrize("first", ["approve", "reject", "withdraw"])
def test_decided_one_is_not_decided_again(
    first: str, alice: User, finance: User, checker: User, admin: User
) -> None:
    approval = ask(finance, adjustment(alice, "1.00"))
    pk = approval.pk
    calls: dict[str, Callable[[], Any]] = {
        "approve": lambda: approve(approval_id=pk, by=Actor.of(admin)),
        "reject": lambda: reject(approval_id=pk, by=Actor.of(admin), comment="no"),
        "withdraw": lambda: withdraw(approval_id=pk, by=Actor.of(finance)),
    }
    calls[first]()
    decided = stored(approval).status
    for again in calls.values():
        with pytest.raises(errors.ApprovalDecided, match=decided):
            again()
    assert amount_of(alice) == (100 if first == "approve" else 0)
    assert stored(approval).status == decided


def test_unknown_one_is_not_found(finance: User) -> None:
    with pytest.raises(NotFound):
        approve(approval_id=uuid4(), by=Actor.of(finance))


def test_failing_receiver_undoes_the_decision_and_the_money(
    alice: User, finance: User, checker: User
) -> None:
    approval = ask(finance, adjustment(alice, "1.00"))

    def fail(**_kwargs: Any) -> None:
        raise RuntimeError("the trail can't be written")

    approval_changed.connect(fail)
    try:
        with pytest.raises(RuntimeError):
            agree(approval, checker)
    finally:
        approval_changed.disconnect(fail)
    assert (stored(approval).status, amount_of(alice)) == ("requested", 0)
    assert agree(approval, checker).refusal is None


def test_stale_page_decides_nothing(alice: User, finance: User, checker: User) -> None:
    fund(alice, "100.00")
    approval = ask(finance, adjustment(alice, "50.00", "debit"))
    version = balance_of(alice).version
    seen = {(alice.pk, "USD"): version}
    fund(alice, "1.00")
    with pytest.raises(errors.VersionConflict) as conflict:
        agree(approval, checker, seen=seen)
    assert conflict.value.extra == {"current_version": version + 1}
    assert (stored(approval).status, amount_of(alice)) == ("requested", 10_100)
    assert not Transaction.objects.filter(type="adjustment").exists()
    assert agree(approval, checker, seen={(alice.pk, "USD"): version + 1}).refusal is None


def test_limit_that_changed_since_it_was_seen_is_neither_asked_for_nor_changed(
    alice: User, finance: User, checker: User
) -> None:
    asked = LimitChange(user_id=alice.pk, currency="USD", per_day=5_000)
    approval = ask(finance, asked)
    system = {"by": SYSTEM, "per_transaction": None}
    set_limit(subject=alice, currency="USD", per_day=7, **system)  # type: ignore[arg-type]
    by = Actor.of(finance)
    for stale in (
        lambda: request_approval(asked=asked, reason="r", by=by, limit_version=0),
        lambda: agree(approval, checker, limit_version=0),
    ):
        with pytest.raises(errors.VersionConflict) as conflict:
            stale()
        assert conflict.value.extra == {"current_version": 1}
    assert (Approval.objects.get().status, TransactionLimit.objects.get().per_day) == (
        "requested",
        7,
    )
    request_approval(asked=asked, reason="r", by=by, limit_version=1)
    assert Approval.objects.count() == 2
    assert agree(approval, checker, limit_version=1).refusal is None
    assert TransactionLimit.objects.get().version == 2


def test_nothing_is_asked_for_on_a_stale_page(alice: User, finance: User) -> None:
    fund(alice, "100.00")
    seen: Seen = {(alice.pk, "USD"): balance_of(alice).version}
    fund(alice, "1.00")
    asked, by = adjustment(alice, "500.00", "debit"), Actor.of(finance)
    with pytest.raises(errors.VersionConflict):
        request_approval(asked=asked, reason="r", by=by, seen=seen)
    assert not Approval.objects.exists()
    seen = {(alice.pk, "USD"): balance_of(alice).version}
    request_approval(asked=asked, reason="r", by=by, seen=seen)
    assert Approval.objects.get().status == "requested"  # the funds may come


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("was_set", [False, True])
def test_of_two_limits_that_were_seen_alike_one_is_set(
    *, was_set: bool, alice: User, finance: User, checker: User
) -> None:
    if was_set:
        set_limit(subject=alice, currency="USD", per_transaction=1, per_day=None, by=SYSTEM)
    waiting = [
        ask(finance, LimitChange(user_id=alice.pk, currency="USD", per_day=per_day))
        for per_day in (100, 200, 300)
    ]
    seen = {"limit_version": int(was_set)}
    results = at_once([partial(agree, approval, checker, **seen) for approval in waiting])
    lost = [type(result) for result in results if isinstance(result, Exception)]
    assert lost == [errors.VersionConflict] * 2
    approved = Approval.objects.get(status="approved")
    assert TransactionLimit.objects.get().per_day == approved.asked["per_day"]
    assert Approval.objects.filter(status="requested").count() == 2


def test_request_expires_for_every_reader_and_is_recorded(
    alice: User, finance: User, checker: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, utc("2026-10-01 12:00"))
    approval = ask(finance, adjustment(alice, "1.00"))
    clock.set("2026-10-08 11:59")
    assert stored(approval).status_at(clock.now) == "requested"
    assert expire_approvals() == 0
    clock.set("2026-10-08 12:00")
    assert stored(approval).status_at(clock.now) == "expired"
    listed = {s: Approval.objects.with_status(s, clock.now).count() for s in ApprovalStatus}
    assert {s for s, count in listed.items() if count} == {"expired"}
    with pytest.raises(errors.ApprovalExpired):
        agree(approval, checker)
    with pytest.raises(errors.ApprovalExpired):
        withdraw(approval_id=approval.pk, by=Actor.of(finance))
    call_command("expire_pending")
    assert expire_approvals() == 0
    assert (stored(approval).status, stored(approval).decided_at) == ("expired", clock.now)
    assert AuditLog.objects.get(action="approval.expired").actor_name == "expire_pending"
    assert amount_of(alice) == 0


def test_frozen_meanwhile_has_failed_and_moved_nothing(
    alice: User, finance: User, checker: User
) -> None:
    fund(alice, "100.00")
    asked = Withdrawal(user_id=alice.pk, currency="USD", amount=5_000)
    approval, seen = ask(finance, asked), {(alice.pk, "USD"): balance_of(alice).version}
    agree(ask(finance, freeze(alice)), checker)
    with pytest.raises(errors.VersionConflict):  # who looked at the page is told
        agree(approval, checker, seen=seen)
    decision = agree(approval, checker)
    assert isinstance(decision.refusal, errors.BalanceFrozen)
    assert (stored(approval).failure_code, amount_of(alice)) == ("balance_frozen", 10_000)


@pytest.mark.django_db(transaction=True)
def test_of_those_who_decide_at_once_one_wins(alice: User, finance: User) -> None:
    checkers = [make_user(f"checker-{number}", Role.FINANCE) for number in range(4)]
    approval = ask(finance, adjustment(alice, "1.00"))
    calls: list[Callable[[], Any]] = [partial(agree, approval, who) for who in checkers[:3]]
    refuser = Actor.of(checkers[3])
    calls.append(lambda: reject(approval_id=approval.pk, by=refuser, comment="no"))
    results = at_once(calls)
    lost = [result for result in results if isinstance(result, Exception)]
    assert [type(error) for error in lost] == [errors.ApprovalDecided] * 3
    approved = stored(approval).status == "approved"
    assert amount_of(alice) == (100 if approved else 0)
    assert Transaction.objects.count() == approved
    assert_books_are_sound()


@pytest.mark.django_db(transaction=True)
def test_many_approvals_beside_transfers_neither_deadlock_nor_lose(
    alice: User, bob: User, finance: User, checker: User
) -> None:
    fund(alice, "100.00")
    waiting = [ask(finance, adjustment(u, "1.00", "debit")) for u in (alice, bob, alice, bob)]
    calls: list[Callable[[], object]] = [partial(agree, a, checker) for a in waiting]
    calls += [partial(post_one, transfer(alice, bob, "5.00")) for _ in range(4)]
    results = at_once(calls)
    assert [result for result in results if isinstance(result, Exception)] == []
    failed = Approval.objects.filter(status="failed").count()  # of Bob, before he was paid
    assert amount_of(House.ADJUSTMENTS) == 100 * (4 - failed)
    assert_books_are_sound()
