"""Writers that meet: on a lock, in a deadlock, on one idempotency key. Nobody is told."""

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection
from django.db.models import F
from django.db.transaction import atomic
from django.db.utils import OperationalError

from balances.enums import House
from balances.models import Balance
from ledgerlink.errors import Unavailable
from tests.books import (
    amount_of,
    assert_books_are_sound,
    balance_of,
    deposit,
    fund,
    idempotency,
    make_user,
    post_one,
    transfer,
)
from tests.concurrency import PATIENCE, eventually, in_background
from transactions import batches, errors
from transactions.batches import post_units
from transactions.instructions import Unit, UnitOutcome
from transactions.models import Transaction
from transactions.signals import transactions_posted
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

FAILED_ATTEMPT = "attempt 1 of a batch failed"


@pytest.fixture
def retries(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, "transactions.batches")
    return caplog


def raise_version(user: User) -> None:
    Balance.objects.filter(user=user).update(version=F("version") + 1)


def make_table_large() -> None:
    """MariaDB reads a table of a few rows from end to end, and waits for every lock in it."""
    Balance.objects.bulk_create(
        Balance(house=House.FEES, currency=f"X{number}") for number in range(500)
    )
    if connection.vendor == "mysql":
        with connection.cursor() as cursor:
            cursor.execute(f"ANALYZE TABLE {Balance._meta.db_table}")


def test_lock_that_is_not_granted_in_time_is_asked_for_again(
    alice: User, bob: User, retries: pytest.LogCaptureFixture
) -> None:
    fund(alice, "10.00")
    locked = threading.Event()

    def hold_the_lock() -> None:
        with atomic():
            raise_version(alice)
            locked.set()
            eventually(lambda: FAILED_ATTEMPT in retries.text)

    with connection.cursor() as cursor:
        mysql = connection.vendor == "mysql"
        cursor.execute(
            "SET SESSION innodb_lock_wait_timeout = 1" if mysql else "PRAGMA busy_timeout = 50"
        )
    with in_background() as start:
        holder = start(hold_the_lock)
        assert locked.wait(PATIENCE)
        assert post_one(transfer(alice, bob, "1.00")).error is None
        holder.result()
    connection.close()
    assert (amount_of(alice), amount_of(bob)) == (900, 100)
    assert Transaction.objects.count() == 2


@contextmanager
def kept_locked(owner: User | House) -> Iterator[None]:
    """Another transaction has the balance inside; we are granted no lock within a second."""
    locked, let_go = threading.Event(), threading.Event()

    def hold_the_lock() -> None:
        with atomic():
            Balance.objects.select_for_update().get(pk=balance_of(owner).pk)
            locked.set()
            assert let_go.wait(PATIENCE)

    mysql = connection.vendor == "mysql"
    with in_background() as start:
        holder = start(hold_the_lock)
        assert locked.wait(PATIENCE)
        with connection.cursor() as cursor:
            cursor.execute(
                "SET SESSION innodb_lock_wait_timeout = 1" if mysql else "PRAGMA busy_timeout = 999"
            )
        try:
            yield
        finally:
            connection.close()
            let_go.set()
            holder.result()


def test_batch_that_a_lock_holds_up_is_given_up_in_time(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund(alice, "10.00")
    monkeypatch.setattr(batches, "PATIENCE", 1.5)
    with kept_locked(House.EXTERNAL):
        begun = time.monotonic()
        results = post_units([Unit([deposit(alice, "1.00")]) for _ in range(50)])
        assert time.monotonic() - begun < 20  # seconds: each part for itself would take a minute
    assert {type(result) for result in results} == {Unavailable}
    assert amount_of(alice) == 1_000
    assert post_one(deposit(alice, "1.00")).error is None


def test_what_does_not_need_a_lock_that_is_kept_is_posted(
    alice: User, bob: User, charlie: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one lock for all")
    for user in (alice, bob, charlie):
        fund(user, "10.00")
    make_table_large()
    monkeypatch.setattr(batches, "PATIENCE", 2.5)
    asked = [transfer(alice, bob, "1.00") for _ in range(3)]
    asked.insert(1, transfer(alice, charlie, "1.00"))
    with kept_locked(charlie):
        results = post_units([Unit([one]) for one in asked])
    fine, late = UnitOutcome, Unavailable
    assert [type(result) for result in results] == [fine, late, fine, fine]
    assert [amount_of(user) for user in (alice, bob, charlie)] == [700, 1_300, 1_000]
    assert_books_are_sound()


def test_locks_of_a_client_that_falls_silent_are_let_go(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its host lost power, say: no network error will ever tell the server."""
    if not getattr(connection, "mysql_is_mariadb", False):
        pytest.skip("MariaDB alone tells apart who is idle inside a transaction")
    fund(alice, "10.00")
    options = connection.settings_dict["OPTIONS"]
    usual = "idle_transaction_timeout = 20"
    assert usual in options["init_command"]
    hasty = options["init_command"].replace(usual, "idle_transaction_timeout = 1")
    monkeypatch.setitem(options, "init_command", hasty)
    locked, woken = threading.Event(), threading.Event()

    def fall_silent() -> None:
        with atomic():
            Balance.objects.select_for_update().get(user=alice)
            locked.set()
            assert woken.wait(PATIENCE)

    with in_background() as start:
        silent = start(fall_silent)
        assert locked.wait(PATIENCE)
        assert post_one(transfer(alice, bob, "1.00")).error is None
        woken.set()
        with pytest.raises(OperationalError, match="2006"):
            silent.result()
    assert (amount_of(alice), amount_of(bob)) == (900, 100)


def test_deadlock_is_posted_again(
    alice: User, bob: User, retries: pytest.LogCaptureFixture
) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    fund(alice, "10.00")
    fund(bob, "10.00")
    source = balance_of(alice).pk
    assert source < balance_of(bob).pk
    locked = threading.Event()

    def alice_is_locked() -> bool:
        try:
            with atomic():
                Balance.objects.select_for_update(nowait=True).get(pk=source)
        except OperationalError:
            return True
        return False

    with in_background() as start:

        def lock_in_the_wrong_order() -> None:
            with atomic():
                raise_version(bob)
                locked.set()
                # Asked from another connection, which lets go of the row at once.
                eventually(lambda: bool(start(alice_is_locked).result()))
                raise_version(alice)

        other = start(lock_in_the_wrong_order)
        assert locked.wait(PATIENCE)
        assert post_one(transfer(alice, bob, "1.00")).error is None
        other.result()
    assert FAILED_ATTEMPT in retries.text
    assert (amount_of(alice), amount_of(bob)) == (900, 1_100)
    assert Transaction.objects.count() == 3


def test_key_that_two_use_at_once_with_other_balances_is_refused_to_the_second(
    alice: User, bob: User, charlie: User, retries: pytest.LogCaptureFixture
) -> None:
    """They share no balance, so no lock: only the unique key keeps them apart."""
    dora = make_user("dora")
    fund(alice, "10.00")
    fund(charlie, "10.00")
    fund(bob, "1.00")
    fund(dora, "1.00")
    make_table_large()
    first = transfer(alice, bob, "1.00", idempotency=idempotency("k", "first"))
    second = transfer(charlie, dora, "1.00", idempotency=idempotency("k", "second"))
    inserting = threading.Event()

    def announce(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
        if sql.startswith("BEGIN") or ("INSERT" in sql and "idempotencykey" in sql):
            inserting.set()
        return execute(sql, params, many, context)

    def post_second() -> Any:
        with connection.execute_wrapper(announce):
            return post_one(second)

    with in_background() as start:
        late = []

        def wait_for_second(**_kwargs: Any) -> None:
            transactions_posted.disconnect(wait_for_second)
            late.append(start(post_second))
            assert inserting.wait(PATIENCE)

        transactions_posted.connect(wait_for_second, weak=False)
        assert post_one(first).error is None
        outcome = late[0].result(PATIENCE)
    assert type(outcome.error) is errors.IdempotencyKeyReused
    assert (FAILED_ATTEMPT in retries.text) == (connection.vendor == "mysql")
    assert [amount_of(user) for user in (alice, bob, charlie, dora)] == [900, 200, 1_000, 100]
    assert_books_are_sound()
