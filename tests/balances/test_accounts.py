"""Balances as the engine holds them: locked in order, opened once, written back exactly."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest
from django.db import connection
from django.db.transaction import atomic
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from uuid_utils.compat import uuid7

from balances.accounts import Account, ConcurrentUpdate, lock_accounts, save_accounts
from balances.enums import AccountKey, BalanceStatus, House
from balances.models import Balance
from balances.money import MAX_BALANCE
from balances.openings import Opening
from tests.books import an_account, balance_of, fund, make_user
from users.models import User

pytestmark = pytest.mark.django_db


def account_of(user: User) -> Account:
    with atomic():
        return lock_accounts({(user.pk, "USD")})[user.pk, "USD"]


def opening(*keys: AccountKey, asking: int | None = None) -> Opening:
    return Opening(frozenset(keys), frozenset() if asking is None else frozenset({asking}))


@contextmanager
def statements() -> Iterator[list[str]]:
    seen: list[str] = []
    with CaptureQueriesContext(connection) as captured:
        yield seen
    seen += [query["sql"] for query in captured.captured_queries if "SAVEPOINT" not in query["sql"]]


def test_accounts_carry_what_the_rows_hold(alice: User) -> None:
    fund(alice, "10.00")
    row, account = balance_of(alice), account_of(alice)
    names = ("id", "user_id", "house", "currency", "amount", "held", "overdraft_limit", "version")
    for name in (
        *names,
        "forced_overdraft",
        "entry_count",
        "status",
        "updated_at",
        "owner",
        "available",
    ):
        assert getattr(account, name) == getattr(row, name), name
    assert not account.changed


def test_missing_balances_are_opened_in_pairs_or_not_at_all(alice: User, bob: User) -> None:
    gone = make_user("gone", is_active=False, deleted_at=timezone.now())
    idle = make_user("idle", is_active=False)
    world = House.EXTERNAL
    openings = [
        opening((world, "USD"), (alice.pk, "USD"), asking=bob.pk),
        opening((alice.pk, "USD"), (idle.pk, "USD")),
        opening((world, "EUR"), (gone.pk, "EUR")),
        opening((alice.pk, "JPY"), (10**12, "JPY")),
        opening((bob.pk, "CHF"), asking=idle.pk),
        opening((bob.pk, "BHD"), asking=gone.pk),
    ]
    keys = {key for one in openings for key in one.keys}
    with atomic():
        accounts = lock_accounts(keys, openings=openings)
    assert set(accounts) == {(world, "USD"), (alice.pk, "USD"), (idle.pk, "USD")}
    assert Balance.objects.count() == 3
    assert {account.version for account in accounts.values()} == {0}


def test_locking_what_is_there_takes_two_statements_for_any_number(alice: User) -> None:
    keys: set[AccountKey] = {
        (alice.pk, currency) for currency in ("USD", "EUR", "JPY", "CHF", "BHD")
    }
    with atomic():
        for _ in range(2):  # opened, and their currencies then remembered
            lock_accounts(keys, openings=[opening(*keys)])
        with statements() as seen:
            lock_accounts(keys)
    assert len(seen) == 2
    if connection.vendor == "mysql":
        assert seen[1].endswith("FOR UPDATE")
    assert "ORDER BY" in seen[1]


def test_any_number_of_balances_is_saved_with_the_exact_amounts(alice: User) -> None:
    currencies = ("USD", "EUR", "JPY", "CHF", "BHD")
    extremes = (MAX_BALANCE, MAX_BALANCE - 1, 2**53 + 1, 1, 0)
    keys: set[AccountKey] = {(House.EXTERNAL, currency) for currency in currencies}
    with atomic():
        accounts = lock_accounts(keys, openings=[opening(*keys)])
    for account, amount in zip(accounts.values(), extremes, strict=True):
        account.post(-amount, uuid7(), timezone.now())
    with statements() as seen:
        save_accounts(accounts.values(), timezone.now())
    if connection.vendor == "mysql":
        assert len(seen) == 1
    stored = {b.currency: (b.amount, b.version, b.entry_count) for b in Balance.objects.all()}
    assert stored == {a.currency: (a.amount, 1, 1) for a in accounts.values()}
    assert {amount for amount, _, _ in stored.values()} == {-extreme for extreme in extremes}


def test_stale_account_is_not_saved(alice: User) -> None:
    fund(alice, "10.00")
    account = account_of(alice)
    fund(alice, "1.00")
    account.post(500, uuid7(), timezone.now())
    with pytest.raises(ConcurrentUpdate), atomic():
        save_accounts([account], timezone.now())
    assert balance_of(alice).amount == 1_100


def test_stale_account_that_was_frozen_is_not_saved(alice: User) -> None:
    fund(alice, "10.00")
    account = account_of(alice)
    fund(alice, "1.00")
    account.change_status(BalanceStatus.FROZEN, until=None, reason="lost", at=timezone.now())
    with pytest.raises(ConcurrentUpdate), atomic():
        save_accounts([account], timezone.now())
    kept = balance_of(alice)
    assert (kept.amount, kept.status, kept.version) == (1_100, BalanceStatus.ACTIVE, 2)


def test_one_stale_account_among_many_saves_none(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    fund(bob, "10.00")
    accounts = [account_of(alice), account_of(bob)]
    fund(bob, "1.00")
    for account in accounts:
        account.post(500, uuid7(), timezone.now())
    with pytest.raises(ConcurrentUpdate), atomic():
        save_accounts(accounts, timezone.now())
    assert (balance_of(alice).amount, balance_of(bob).amount) == (1_000, 1_100)


def test_posting_to_an_account_counts_versions_and_entries_apart() -> None:
    account, transaction, at = an_account(), uuid7(), timezone.now()
    entry = account.post(-200, transaction, at)
    assert (entry.delta, entry.before, entry.after, entry.version) == (-200, 1_000, 800, 5)
    assert (account.amount, account.version, account.entry_count) == (800, 10, 5)
    assert (account.read_version, account.changed, account.updated_at) == (9, True, at)
    assert account.available == 800 - 300 + 50


def test_account_is_restored_to_its_snapshot() -> None:
    account = an_account()
    before = account.snapshot()
    account.post(1, uuid7(), timezone.now())
    assert account != before
    account.restore(before)
    assert account == before
    assert not account.changed


def test_snapshot_stands_still(alice: User) -> None:
    account = an_account()
    snapshot = account.snapshot()
    account.post(1, uuid7(), timezone.now())
    assert snapshot == replace(
        account, amount=1_000, version=9, entry_count=4, updated_at=snapshot.updated_at
    )
