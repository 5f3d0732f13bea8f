"""Freezing balances: an order of the posting engine like any other."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.core.management import call_command
from django.utils import timezone

from audit.models import AuditLog
from balances.enums import BalanceStatus
from balances.models import Balance
from balances.queries import shown_balances, with_status
from ledgerlink.timestamps import rfc3339
from tests.books import (
    SYSTEM,
    assert_books_are_sound,
    balance_of,
    capture,
    fund,
    hold,
    in_an_hour,
    post_one,
    post_refused,
    transfer,
)
from tests.clock import Clock, utc
from transactions.errors import BalanceFrozen, FreezeOver, StatusUnchanged, UnknownParty
from transactions.expiry import end_freezes
from transactions.instructions import Order, StatusChange, Unit
from transactions.processor import post_directly, try_out
from users.accounts import delete_user
from users.models import User

pytestmark = pytest.mark.django_db
FROZEN, DEBITS_FROZEN, ACTIVE = (
    BalanceStatus.FROZEN,
    BalanceStatus.DEBITS_FROZEN,
    BalanceStatus.ACTIVE,
)


def change(owner: User, status: BalanceStatus = FROZEN, **fields: Any) -> StatusChange:
    usual: dict[str, Any] = {"currency": "USD", "reason": "card stolen", "actor": SYSTEM}
    return StatusChange(user_id=owner.pk, status=status, **{**usual, **fields})


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, utc("2026-10-01 12:00"))


@pytest.mark.parametrize("status", [FROZEN, DEBITS_FROZEN])
def test_frozen_balance_sends_nothing_and_receives_only_while_debits_are_frozen(
    status: BalanceStatus, alice: User, bob: User
) -> None:
    fund(alice, "10.00")
    fund(bob, "10.00")
    held = hold(alice, bob, "2.00")
    version = balance_of(alice).version
    outcome = post_one(change(alice, status))
    assert (outcome.error, outcome.transaction) == (None, None)
    frozen = balance_of(alice)
    assert (frozen.status, frozen.freeze_reason, frozen.version) == (
        status,
        "card stolen",
        version + 1,
    )
    post_refused(transfer(alice, bob, "1.00"), BalanceFrozen)
    assert isinstance(post_one(capture(held)).error, BalanceFrozen)
    received = post_one(transfer(bob, alice, "1.00"))
    assert (received.error is None) is (status == DEBITS_FROZEN)
    assert post_one(change(alice, ACTIVE)).error is None
    assert balance_of(alice).freeze_reason == ""
    assert post_one(transfer(alice, bob, "1.00")).error is None
    assert_books_are_sound()


def test_freeze_and_the_movements_around_it_count_in_the_order_of_the_batch(
    alice: User, bob: User
) -> None:
    fund(alice, "10.00")
    one = [transfer(alice, bob, "1.00") for _ in range(3)]
    asked: list[Order] = [one[0], change(alice), one[1], change(alice, ACTIVE), one[2]]
    told = [outcome.error.code if outcome.error else None for outcome in post_directly(asked)]
    assert told == [None, None, "balance_frozen", None, None]
    assert balance_of(alice).version == 5


def test_freeze_of_a_group_that_fails_leaves_no_trace(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    before, written = balance_of(alice), AuditLog.objects.count()
    failing: list[Order] = [change(alice, group="g"), transfer(alice, bob, "1.00", group="g")]
    outcomes = post_directly(failing)
    assert [o.error.code for o in outcomes if o.error] == ["group_refused", "balance_frozen"]
    after = balance_of(alice)
    assert (after.status, after.version) == (ACTIVE, before.version)
    assert AuditLog.objects.count() == written + 1  # of the failed transfer


def test_freeze_ends_by_itself_for_every_reader(alice: User, bob: User, clock: Clock) -> None:
    fund(alice, "10.00")
    until = utc("2026-10-02 00:00")
    post_one(change(alice, until=until))

    def shown() -> list[str]:
        hers = Balance.objects.filter(user=alice)
        listed = [str(status) for status in BalanceStatus if with_status(hers, status, clock.now)]
        return [*listed, json.loads(shown_balances(alice.pk)["USD"])["status"]]

    clock.set("2026-10-01 23:59")
    assert shown() == ["frozen", "frozen"]
    post_refused(transfer(alice, bob, "1.00"), BalanceFrozen)
    clock.set("2026-10-02 00:00")
    assert shown() == ["active", "active"]
    assert post_one(transfer(alice, bob, "1.00")).error is None
    assert post_one(transfer(bob, alice, "1.00")).error is None
    assert balance_of(alice).status == FROZEN  # until the record is cleared


def test_what_is_unfrozen_has_no_end_and_no_reason(alice: User) -> None:
    fund(alice, "1.00")
    post_one(change(alice))
    assert post_one(change(alice, ACTIVE, until=in_an_hour())).error is None
    after = balance_of(alice)
    assert (after.status, after.frozen_until, after.freeze_reason) == (ACTIVE, None, "")


def test_ended_freezes_are_cleared_and_others_stay(
    alice: User, bob: User, charlie: User, clock: Clock
) -> None:
    for user, until in ((alice, "2026-10-02 00:00"), (bob, "2026-10-03 00:00"), (charlie, None)):
        post_one(change(user, until=utc(until) if until else None))
    assert end_freezes() == 0
    clock.set("2026-10-02 00:00")
    call_command("expire_pending")
    assert end_freezes() == 0
    cleared = balance_of(alice)
    assert (cleared.status, cleared.frozen_until, cleared.freeze_reason) == (ACTIVE, None, "")
    assert [balance_of(user).status for user in (bob, charlie)] == [FROZEN, FROZEN]
    record = AuditLog.objects.get(action="balance.unfrozen")
    assert (record.actor_name, record.entity_id) == ("expire_pending", str(cleared.pk))


def test_freeze_that_was_prolonged_meanwhile_is_not_cleared(alice: User, clock: Clock) -> None:
    """The command chooses without a lock; what counts is judged under it."""
    post_one(change(alice, until=utc("2026-10-02 00:00")))
    clock.set("2026-10-02 00:00")
    clearing = change(alice, ACTIVE, if_over=True)
    post_one(change(alice, until=utc("2026-10-09 00:00"), reason="still"))
    assert isinstance(post_one(clearing).error, StatusUnchanged)
    assert balance_of(alice).status == FROZEN


def test_freeze_and_unfreeze_are_audited_with_reason_and_end(alice: User, finance: User) -> None:
    until = timezone.now() + timedelta(days=1)
    post_one(change(alice, until=until))
    post_one(change(alice, ACTIVE, reason="found again"))
    thawed, frozen = AuditLog.objects.order_by("-id")[:2]
    assert (frozen.action, frozen.entity_type) == ("balance.frozen", "balance")
    assert frozen.entity_id == thawed.entity_id == str(balance_of(alice).pk)
    assert frozen.details == {
        "of": "alice",
        "currency": "USD",
        "changes": {"status": ["active", "frozen"]},
        "reason": "card stolen",
        "until": rfc3339(until),
    }
    assert (thawed.action, thawed.details["reason"]) == ("balance.unfrozen", "found again")
    assert thawed.details["changes"] == {"status": ["frozen", "active"]}


def test_what_changes_nothing_or_is_past_is_refused(alice: User) -> None:
    refused = post_one(change(alice, until=timezone.now()))
    assert isinstance(refused.error, FreezeOver)
    assert isinstance(post_one(change(alice, ACTIVE)).error, StatusUnchanged)
    assert post_one(change(alice)).error is None
    version = balance_of(alice).version
    assert isinstance(post_one(change(alice)).error, StatusUnchanged)
    assert balance_of(alice).version == version
    assert post_one(change(alice, DEBITS_FROZEN)).error is None


def test_closed_balance_is_neither_frozen_nor_thawed(alice: User) -> None:
    post_one(change(alice, until=timezone.now() + timedelta(hours=1)))
    delete_user(user_id=alice.pk, by=SYSTEM)
    closed = balance_of(alice)
    assert (closed.status, closed.frozen_until, closed.freeze_reason) == ("closed", None, "")
    for status in (ACTIVE, FROZEN):
        assert isinstance(post_one(change(alice, status)).error, UnknownParty)
    assert balance_of(alice).status == "closed"


def test_dry_run_of_a_freeze_leaves_nothing(alice: User) -> None:
    fund(alice, "1.00")
    (outcome,) = try_out(Unit([change(alice)])).outcomes
    assert outcome.status_changed is not None
    assert outcome.status_changed.balance.status == FROZEN
    assert balance_of(alice).status == ACTIVE
