"""All of a batch is in the books, or nothing is: whatever fails in between."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.db.transaction import atomic, set_rollback
from django.dispatch import Signal

from audit.models import AuditLog
from balances.accounts import ConcurrentUpdate
from balances.models import Balance, BalanceHistory
from balances.signals import balances_changed
from tests.books import (
    amount_of,
    assert_books_are_sound,
    balance_of,
    fund,
    idempotency,
    post_one,
    transfer,
)
from tests.signals import connected
from transactions.models import IdempotencyKey, Transaction
from transactions.processor import post_directly
from transactions.signals import transactions_posted
from users.models import User

pytestmark = pytest.mark.django_db


class Broken(Exception):
    """Raised by a receiver."""


def rows() -> list[list[Any]]:
    """Everything in the books, to compare before with after."""
    tables = (Balance, BalanceHistory, Transaction, IdempotencyKey, AuditLog)
    return [list(table.objects.order_by("pk").values()) for table in tables]


def fail() -> None:
    raise Broken


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("signal", [balances_changed, transactions_posted])
def test_receiver_that_fails_rolls_the_money_back(signal: Signal, alice: User, bob: User) -> None:
    fund(alice, "10.00")
    fund(bob, "1.00")
    before = rows()
    asked = transfer(alice, bob, "1.00", idempotency=idempotency("k"))
    with connected(signal, fail), pytest.raises(Broken):
        post_one(asked)
    assert rows() == before
    assert not post_one(asked).replayed
    assert_books_are_sound()


@contextmanager
def version_raised_behind_the_lock(balance: Balance, times: int) -> Iterator[None]:
    """Before the engine's UPDATE of the balances comes another one, in the same connection."""
    left = [times]

    def meddle(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
        if sql.lstrip().startswith("UPDATE") and "entry_count" in sql and left[0]:
            left[0] -= 1
            with connection.cursor() as cursor:
                cursor.execute(
                    "UPDATE balances_balance SET version = version + 1 WHERE id = %s", [balance.pk]
                )
        return execute(sql, params, many, context)

    with connection.execute_wrapper(meddle):
        yield
    assert left == [0]


def test_balance_that_changed_behind_the_lock_stops_the_batch(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    before = rows()
    with (
        version_raised_behind_the_lock(balance_of(alice), times=1),
        pytest.raises(ConcurrentUpdate),
    ):
        post_one(transfer(alice, bob, "1.00"))
    assert rows()[1:] == before[1:]
    assert (amount_of(alice), amount_of(bob)) == (1_000, 0)


@pytest.mark.django_db(transaction=True)
def test_balance_that_changed_behind_the_lock_is_posted_anew(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    with version_raised_behind_the_lock(balance_of(alice), times=2):
        assert post_one(transfer(alice, bob, "1.00")).error is None
    assert (amount_of(alice), amount_of(bob)) == (900, 100)
    assert_books_are_sound()


@pytest.mark.django_db(transaction=True)
def test_posting_belongs_to_the_transaction_around_it(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    before = rows()
    with atomic():
        post_directly([transfer(alice, bob, "1.00")])
        assert amount_of(bob) == 100
        set_rollback(True)
    assert rows()[1:] == before[1:]
    assert (amount_of(alice), amount_of(bob)) == (1_000, 0)
