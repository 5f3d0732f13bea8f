"""Orders that name the balances as whoever asks has seen them."""

from dataclasses import replace
from typing import Any

import pytest

from balances.enums import House
from tests.books import (
    balance_of,
    cancel,
    capture,
    deposit,
    fund,
    hold,
    idempotency,
    post_one,
    reverse,
    standing,
    transfer,
    withdrawal,
)
from transactions.errors import VersionConflict
from transactions.instructions import Order
from transactions.models import IdempotencyKey, Transaction
from users.models import User

KINDS = ("deposit", "withdrawal", "transfer", "capture", "cancellation", "reversal")


def order_of(kind: str, alice: User, bob: User, **fields: Any) -> Order:
    """About the only transfer between them, or the only one that is pending."""
    pending = Transaction.objects.filter(status="pending")
    match kind:
        case "deposit":
            return deposit(alice, "5.00", **fields)
        case "withdrawal":
            return withdrawal(alice, "5.00", **fields)
        case "transfer":
            return transfer(bob, alice, "5.00", **fields)
        case "capture":
            return capture(pending.get(), **fields)
        case "cancellation":
            return cancel(pending.get(), **fields)
        case _:
            return reverse(Transaction.objects.get(reference="moved"), "5.00", **fields)


@pytest.mark.parametrize("kind", KINDS)
def test_order_is_refused_once_a_balance_has_changed(kind: str, alice: User, bob: User) -> None:
    fund(alice, "100.00")
    post_one(transfer(alice, bob, "10.00", reference="moved"))
    hold(alice, bob, "20.00")

    def seen() -> dict[Any, int]:
        return {(user.pk, "USD"): balance_of(user).version for user in (alice, bob)}

    stale = seen()
    post_one(transfer(bob, alice, "1.00"))
    before = standing(alice), standing(bob), Transaction.objects.count()
    key = idempotency("form-1")
    asked = order_of(kind, alice, bob, seen=stale, idempotency=key)
    refused = post_one(asked)
    assert isinstance(refused.error, VersionConflict)
    assert (standing(alice), standing(bob), Transaction.objects.count()) == before
    assert not IdempotencyKey.objects.filter(key="form-1").exists()
    assert post_one(replace(asked, seen=seen())).error is None
    again = post_one(asked)
    assert (again.replayed, again.error) == (True, None)  # its own change is no conflict


def test_balance_that_was_not_there_is_seen_as_version_zero(alice: User) -> None:
    order = deposit(alice, "5.00", seen={(alice.pk, "USD"): 0})
    assert post_one(order).error is None
    assert isinstance(post_one(order).error, VersionConflict)
    unseen = deposit(alice, "5.00", seen={(House.FEES, "USD"): 7})
    assert post_one(unseen).error is None  # a balance that the order does not touch
