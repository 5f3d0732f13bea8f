"""A dry run tells what would happen, by the same rules, and leaves nothing behind."""

from typing import Any

import pytest
from django.apps import apps
from django.dispatch import Signal

from balances.cache import balance_cache
from balances.enums import BalanceStatus
from balances.signals import balances_changed
from tests.books import (
    amount_of,
    cancel,
    capture,
    change_balance,
    expire,
    fund,
    hold,
    idempotency,
    in_an_hour,
    post_one,
    reverse,
    stored,
    transfer,
    withdrawal,
)
from tests.signals import connected
from transactions import errors
from transactions.instructions import Order, Unit, UnitOutcome
from transactions.models import Transaction
from transactions.processor import try_out
from transactions.signals import transactions_posted
from users.models import User

pytestmark = pytest.mark.django_db


def every_row() -> dict[str, list[Any]]:
    """All tables of the project, row by row."""
    ours = ("users", "balances", "transactions", "audit")
    return {
        model._meta.label: list(model._default_manager.order_by("pk").values())
        for app in ours
        for model in apps.get_app_config(app).get_models()
    }


def tried(*orders: Order, key: str | None = None) -> UnitOutcome:
    """Try it out, and see that not one row changed."""
    before = every_row()
    done = try_out(Unit(orders, idempotency(key) if key else None))
    assert every_row() == before
    return done


def codes(done: UnitOutcome) -> list[str | None]:
    return [o.error.code if o.error else None for o in done.outcomes]


@pytest.fixture
def funded(alice: User) -> Transaction:
    return fund(alice, "100.00")


def test_success_shows_the_balance_that_would_be(
    funded: Transaction, alice: User, bob: User
) -> None:
    (outcome,) = tried(transfer(alice, bob, "30.00")).outcomes
    assert outcome.error is None
    assert outcome.posted is not None
    balance = outcome.posted.balance
    assert (balance.amount, balance.version) == (7_000, 2)
    assert post_one(transfer(alice, bob, "100.00")).error is None


def test_first_balances_are_not_opened(funded: Transaction, alice: User, bob: User) -> None:
    assert codes(tried(transfer(bob, alice, "1.00", "BHD"))) == ["insufficient_funds"]


def test_hold_capture_cancel_and_reversal_are_tried(
    funded: Transaction, alice: User, bob: User
) -> None:
    paid = post_one(transfer(alice, bob, "10.00")).transaction
    assert paid is not None
    pending = hold(alice, bob, "30.00")
    for order in (
        transfer(alice, bob, "60.00", expires_at=in_an_hour()),
        capture(pending),
        capture(pending, "1.00"),
        cancel(pending),
        reverse(paid),
        reverse(paid, "1.00", allow_overdraft=True),
    ):
        assert codes(tried(order)) == [None]
    assert stored(pending).status == "pending"


@pytest.mark.parametrize(
    "kind",
    [
        "insufficient_funds",
        "version_conflict",
        "minimum_balance_not_kept",
        "receiver_unavailable",
        "user_not_found",
        "self_transfer",
        "capture_exceeds_authorized",
        "transaction_not_pending",
        "transaction_expired",
        "not_reversible",
        "reversal_exceeds_original",
    ],
)
def test_every_refusal_is_explained_and_leaves_nothing(
    kind: str, funded: Transaction, alice: User, bob: User
) -> None:
    pending = hold(alice, bob, "10.00")
    if kind == "receiver_unavailable":
        change_balance(bob, status=BalanceStatus.FROZEN)
    if kind == "transaction_expired":
        expire(pending)
    orders: dict[str, Order] = {
        "insufficient_funds": transfer(alice, bob, "90.01"),
        "version_conflict": transfer(alice, bob, "1.00", expected_version=1),
        "minimum_balance_not_kept": withdrawal(alice, "1.00", min_balance_after=8_901),
        "receiver_unavailable": transfer(alice, bob, "1.00"),
        "user_not_found": transfer(alice, User(pk=10**12), "1.00"),
        "self_transfer": transfer(alice, alice, "1.00"),
        "capture_exceeds_authorized": capture(pending, "10.01"),
        "transaction_not_pending": cancel(funded),
        "transaction_expired": capture(pending),
        "not_reversible": reverse(pending),
        "reversal_exceeds_original": reverse(funded, "100.01"),
    }
    (outcome,) = tried(orders[kind]).outcomes
    assert outcome.error is not None
    assert outcome.error.code == kind
    assert outcome.error.detail
    assert stored(pending).status == "pending"


def test_members_see_what_those_before_them_would_do(
    funded: Transaction, alice: User, bob: User
) -> None:
    done = tried(
        transfer(alice, bob, "60.00"),
        transfer(alice, bob, "60.00"),
        transfer(bob, alice, "60.00"),
        transfer(alice, bob, "100.00"),
    )
    assert codes(done) == [None, "insufficient_funds", None, None]


def test_group_is_tried_whole(funded: Transaction, alice: User, bob: User) -> None:
    done = tried(transfer(alice, bob, "60.00", group="g"), transfer(alice, bob, "60.00", group="g"))
    assert codes(done) == ["group_refused", "insufficient_funds"]
    done = tried(transfer(alice, bob, "60.00", group="g"), transfer(alice, bob, "40.00", group="g"))
    assert codes(done) == [None, None]


def test_no_key_is_used_up(funded: Transaction, alice: User, bob: User) -> None:
    def asked() -> Order:
        return transfer(alice, bob, "1.00", idempotency=idempotency("k"))

    assert codes(tried(asked(), key="whole")) == [None]
    assert not post_one(asked()).replayed
    (again,) = tried(asked()).outcomes
    assert again.replayed
    assert again.answer is not None
    assert amount_of(bob) == 100


def test_used_key_with_another_request_is_explained(
    funded: Transaction, alice: User, bob: User
) -> None:
    post_one(transfer(alice, bob, "1.00", idempotency=idempotency("k", "this")))
    done = tried(transfer(alice, bob, "2.00", idempotency=idempotency("k", "that")))
    assert codes(done) == [errors.IdempotencyKeyReused.code]


@pytest.mark.parametrize("signal", [balances_changed, transactions_posted])
def test_nobody_is_told(signal: Signal, funded: Transaction, alice: User, bob: User) -> None:
    told: list[None] = []
    with connected(signal, lambda: told.append(None)):
        tried(transfer(alice, bob, "1.00"), transfer(alice, bob, "999.00"))
    assert not told


@pytest.mark.django_db(transaction=True)
def test_nothing_is_left_where_no_test_rolls_back(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    pending = hold(alice, bob, "10.00")
    balance_cache().clear()
    assert codes(tried(transfer(alice, bob, "1", "JPY"), capture(pending))) == [
        "insufficient_funds",
        None,
    ]


def test_balances_are_foreseen_on_both_sides(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    pending = hold(alice, bob, "30.00")
    done = tried(capture(pending, "20.00"))
    foreseen = {
        before.owner: (before.amount, before.available, after.amount, after.available)
        for before, after in done.foreseen
    }
    assert foreseen == {alice.pk: (10_000, 7_000, 8_000, 8_000), bob.pk: (0, 0, 2_000, 2_000)}
