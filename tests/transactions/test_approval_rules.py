"""What the posting engine does not let one person do alone."""

from typing import Any

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
from transactions.errors import ApprovalRequired
from transactions.instructions import Order, StatusChange, Unit
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
    ]
    before = books()
    outcomes = post_directly(alone) + try_out(Unit(alone)).outcomes
    assert {type(outcome.error) for outcome in outcomes} == {ApprovalRequired}
    assert {outcome.transaction for outcome in outcomes} == {None}
    assert books() == before


def test_withdrawals_up_to_the_amount_and_ones_own_need_nobody_else(
    alice: User, finance: User, settings: Settings
) -> None:
    settings.APPROVAL_WITHDRAWALS_ABOVE = ["USD:50.00"]
    by: dict[str, Any] = {"actor": Actor.of(finance)}
    for user in (alice, finance):
        for currency in ("USD", "EUR"):
            fund(user, "100.00", currency)
    assert post_one(withdrawal(alice, "50.00", **by)).error is None
    for order in (withdrawal(alice, "50.01", **by), withdrawal(alice, "0.01", "EUR", **by)):
        assert isinstance(post_one(order).error, ApprovalRequired)
    for currency in ("USD", "EUR"):
        assert post_one(withdrawal(finance, "99.00", currency, **by)).error is None


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
