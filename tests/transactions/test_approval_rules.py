"""What the posting engine does not let one person do alone."""

from functools import partial
from typing import Any
from uuid import uuid4

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from balances.enums import BalanceStatus, House
from tests.api.client import books
from tests.books import (
    SYSTEM,
    fund,
    hold,
    idempotency,
    in_an_hour,
    instruction,
    make_user,
    post_one,
    reverse,
    transfer,
    withdrawal,
)
from transactions.approval_rules import parse_withdrawals_above
from transactions.checks import check_withdrawals_above
from transactions.enums import TransactionType
from transactions.errors import ApprovalRequired, NotAllowed
from transactions.instructions import Approved, Order, StatusChange, Unit
from transactions.processor import post_directly, try_out
from users.actors import Actor
from users.models import User
from users.roles import Role

pytestmark = pytest.mark.django_db


@pytest.fixture(params=["finance", "admin"])
def person(request: pytest.FixtureRequest) -> Actor:
    return Actor.of(make_user("somebody", Role(request.param)))


def adjust(user: User, **fields: Any) -> Order:
    return instruction(TransactionType.ADJUSTMENT, House.ADJUSTMENTS, user, "1.00", **fields)


def freeze(user: User, status: BalanceStatus = BalanceStatus.FROZEN, **fields: Any) -> Order:
    return StatusChange(user_id=user.pk, currency="USD", status=status, reason="r", **fields)


def test_one_person_alone_is_refused_and_nothing_kept(
    person: Actor, alice: User, bob: User
) -> None:
    deposited = fund(alice, "20000.00")
    fund(alice, "1.00", "CHF")
    post_one(adjust(alice, actor=SYSTEM))
    moved = post_one(transfer(alice, bob, "1.00")).transaction
    assert moved is not None
    alone: list[Order] = [
        adjust(alice, actor=person, idempotency=idempotency("k")),
        instruction(TransactionType.ADJUSTMENT, alice, House.ADJUSTMENTS, "1.00", actor=person),
        freeze(alice, actor=person),
        freeze(alice, BalanceStatus.ACTIVE, actor=person),
        reverse(deposited, actor=person),
        reverse(moved, actor=person),
        reverse(moved, allow_overdraft=True, actor=person),
        withdrawal(alice, "10000.01", actor=person),
        withdrawal(alice, "0.01", "CHF", actor=person),
        transfer(alice, bob, "10000.01", actor=person),
        transfer(alice, bob, "0.01", "CHF", actor=person),
        transfer(alice, bob, "10000.01", expires_at=in_an_hour(), actor=person),
    ]
    before = books()
    outcomes = post_directly(alone) + try_out(Unit(alone)).outcomes
    assert {type(outcome.error) for outcome in outcomes} == {ApprovalRequired}
    assert {outcome.transaction for outcome in outcomes} == {None}
    assert books() == before


def test_what_leaves_up_to_the_amount_and_ones_own_need_nobody_else(
    alice: User, bob: User, finance: User, settings: Settings
) -> None:
    settings.APPROVAL_WITHDRAWALS_ABOVE = ["USD:50.00"]
    by: dict[str, Any] = {"actor": Actor.of(finance)}
    for user in (alice, finance):
        for currency in ("USD", "EUR"):
            fund(user, "100.00", currency)
    for leaving in (withdrawal, partial(transfer, destination=bob)):
        assert post_one(leaving(alice, amount="50.00", **by)).error is None
        for amount, currency in (("50.01", "USD"), ("0.01", "EUR")):
            order = leaving(alice, amount=amount, currency=currency, **by)
            assert isinstance(post_one(order).error, ApprovalRequired)
        for currency in ("USD", "EUR"):
            own = leaving(finance, amount="50.00", currency=currency, **by)
            assert post_one(own).error is None


def test_nobody_takes_back_alone_or_with_others_what_they_paid(
    alice: User, bob: User, finance: User
) -> None:
    """Neither the one who asks nor the one who approves may be who gets the money."""
    fund(finance, "10.00")
    moved = post_one(transfer(finance, bob, "10.00")).transaction
    assert moved is not None
    second = make_user("second", Role.FINANCE)
    for by, agreeing in ((finance, second), (second, finance)):
        approved = Approved(uuid4(), Actor.of(agreeing))
        for order in (
            reverse(moved, actor=Actor.of(by), approved=approved),
            transfer(bob, finance, "1.00", actor=Actor.of(by), approved=approved),
            instruction(
                TransactionType.ADJUSTMENT,
                House.ADJUSTMENTS,
                finance,
                "1.00",
                actor=Actor.of(by),
                approved=approved,
            ),
        ):
            assert isinstance(post_one(order).error, NotAllowed)
    third = Approved(uuid4(), Actor.of(make_user("third", Role.FINANCE)))
    back = post_one(reverse(moved, actor=Actor.of(second), approved=third)).transaction
    assert back is not None
    assert (back.requested_by, back.approved_by_id) == (second, third.by.user_id)


def test_role_of_the_second_person_is_judged_by_the_engine_as_well(
    alice: User, finance: User, auditor: User
) -> None:
    """It may have been taken away while the balances were waited for."""
    approved = Approved(uuid4(), Actor.of(auditor))
    order = adjust(alice, actor=Actor.of(finance), approved=approved)
    assert isinstance(post_one(order).error, NotAllowed)


def test_pending_withdrawal_is_under_the_same_rule(alice: User, finance: User) -> None:
    fund(alice, "20000.00")
    pending = hold(alice, House.EXTERNAL, "10000.01", actor=Actor.of(alice))
    expiring: dict[str, Any] = {"expires_at": pending.expires_at, "actor": Actor.of(finance)}
    refused = post_one(withdrawal(alice, "10000.01", **expiring))
    assert isinstance(refused.error, ApprovalRequired)


def test_receivers_give_back_alone_but_force_nothing(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    moved = post_one(transfer(alice, bob, "10.00")).transaction
    assert moved is not None
    by: dict[str, Any] = {"actor": Actor.of(bob)}
    forced = reverse(moved, allow_overdraft=True, **by)
    assert isinstance(post_one(forced).error, ApprovalRequired)
    assert post_one(reverse(moved, **by)).error is None


def test_commands_and_api_keys_are_not_under_the_rule(alice: User, finance: User) -> None:
    deposited = fund(alice, "30000.00")
    program = Actor(finance.pk, "billing", SYSTEM.request, shows_key=True)
    for actor in (program, SYSTEM):
        asked = [
            adjust(alice, actor=actor),
            withdrawal(alice, "12000.00", actor=actor),
            reverse(deposited, "1.00", actor=actor),
            freeze(alice, actor=actor),
            freeze(alice, BalanceStatus.ACTIVE, actor=actor),
        ]
        assert [outcome.error for outcome in post_directly(asked)] == [None] * 5


def test_amounts_are_read_with_the_decimals_of_their_currency() -> None:
    assert parse_withdrawals_above(("USD:10.50", "JPY:7", "BHD:0.000")) == {
        "USD": 1_050,
        "JPY": 7,
        "BHD": 0,
    }


@pytest.mark.parametrize(
    "item", ["USD", "USD:", "USD:1,000", "JPY:1.5", "XXX:1.00", "USD:-1.00", ":5", "USD:1:2"]
)
def test_amount_that_cannot_be_understood_stops_the_server(item: str, settings: Settings) -> None:
    settings.APPROVAL_WITHDRAWALS_ABOVE = ["USD:1.00"]
    assert check_withdrawals_above() == []
    settings.APPROVAL_WITHDRAWALS_ABOVE = [item]
    (found,) = check_withdrawals_above()
    assert (found.id, bool(found.hint)) == ("transactions.E001", True)
    assert repr(item) in found.msg


def test_currency_that_is_named_twice_stops_the_server() -> None:
    with pytest.raises(ImproperlyConfigured, match="USD twice"):
        parse_withdrawals_above(("USD:1.00", "USD:2.00"))
