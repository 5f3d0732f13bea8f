"""The database refuses each thing that a balance or a ledger entry can't be."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.db.models import F, ProtectedError
from django.utils import timezone

from balances.enums import House
from balances.models import Balance, BalanceHistory, Currency
from tests.books import balance_of, fund, transfer
from tests.books import post_one as post
from tests.refusals import constraint_names, delete_row, refused_by, trigger_names
from users.models import User

pytestmark = pytest.mark.django_db

# Each breaks one rule alone: engines differ in which of two they name.
ONE_ENTRY = {"version": 1, "entry_count": 1}
BAD_BALANCES: dict[str, dict[str, Any]] = {
    "balance_has_one_owner": {"user": None},
    "balance_house_known": {"user": None, "house": "slush_fund"},
    "balance_status_known": {"status": "napping"},
    "balance_currency_not_empty": {"currency": ""},
    "balance_held_not_negative": {"held": -1},
    "balance_overdraft_not_negative": {"amount": 5, "overdraft_limit": -1, **ONE_ENTRY},
    "balance_forced_not_negative": {"amount": 5, "forced_overdraft": -1, **ONE_ENTRY},
    "balance_within_overdraft": {"amount": -1, **ONE_ENTRY},
    "balance_version_counts_entries": {"version": 1, "entry_count": 2},
    "balance_amount_has_entries": {"amount": 1, "version": 1},
    "balance_freeze_of_frozen": {"freeze_reason": "card stolen"},
}
BAD_ENTRIES: dict[str, dict[str, Any]] = {
    "entry_adds_up": {"amount_after": 999},
    "entry_moves_something": {"delta": 0, "amount_after": 10_000},
    "entry_version_from_one": {"version": 0},
}
BAD_CURRENCIES: dict[str, dict[str, Any]] = {
    "currency_exponent_in_range": {"exponent": 9},
    "currency_once": {"code": "USD"},
}
UNIQUE = {
    "balance_one_per_user_currency",
    "balance_one_per_house_currency",
    "entry_version_once",
    "entry_once_per_balance",
}


def new_balance(owner: User, **fields: Any) -> None:
    Balance.objects.create(**{"user": owner, "currency": "EUR", **fields})


def new_entry(owner: User, **fields: Any) -> None:
    """A second entry of the owner's balance for the transaction that made the first: only
    `entry_once_per_balance` speaks against it, unless `fields` spoil it further."""
    first = BalanceHistory.objects.get(balance=balance_of(owner))
    good = {
        "balance": balance_of(owner),
        "transaction": first.transaction,
        "delta": 1,
        "amount_before": 10_000,
        "amount_after": 10_001,
        "version": 2,
        "created_at": timezone.now(),
    }
    BalanceHistory.objects.create(**{**good, **fields})


def test_constraints_are_all_broken_here() -> None:
    assert {*BAD_BALANCES, *BAD_ENTRIES, *BAD_CURRENCIES, *UNIQUE} == constraint_names("balances")


@pytest.mark.parametrize("name", BAD_BALANCES)
def test_balance_that_breaks_a_rule_is_refused(name: str, alice: User) -> None:
    with refused_by(name):
        new_balance(alice, **BAD_BALANCES[name])


def test_balance_with_two_owners_is_refused(alice: User) -> None:
    with refused_by("balance_has_one_owner"):
        new_balance(alice, house=House.FEES)


def test_balance_held_beyond_its_amount_is_refused(alice: User) -> None:
    with refused_by("balance_within_overdraft"):
        new_balance(alice, amount=100, held=101, **ONE_ENTRY)


def test_balance_below_its_overdraft_limit_is_refused(alice: User) -> None:
    moved = {**ONE_ENTRY, "overdraft_limit": 40, "forced_overdraft": 10}
    new_balance(alice, amount=-50, **moved)
    with refused_by("balance_within_overdraft"):
        new_balance(alice, currency="JPY", amount=-51, **moved)


def test_house_balance_below_zero_is_accepted() -> None:
    Balance.objects.create(house=House.FEES, currency="EUR", amount=-1, **ONE_ENTRY)


def test_second_balance_of_a_user_in_one_currency_is_refused(alice: User) -> None:
    new_balance(alice)
    with refused_by("balance_one_per_user_currency"):
        new_balance(alice)


def test_second_balance_of_a_house_account_in_one_currency_is_refused() -> None:
    Balance.objects.create(house=House.FEES, currency="EUR")
    with refused_by("balance_one_per_house_currency"):
        Balance.objects.create(house=House.FEES, currency="EUR")


@pytest.mark.parametrize("name", BAD_ENTRIES)
def test_entry_that_breaks_a_rule_is_refused(name: str, alice: User) -> None:
    fund(alice, "100.00")
    with refused_by(name):
        new_entry(alice, **BAD_ENTRIES[name])


@pytest.mark.parametrize("name", BAD_CURRENCIES)
def test_currency_that_breaks_a_rule_is_refused(name: str) -> None:
    Currency.objects.create(code="USD", exponent=2)
    with refused_by(name):
        Currency.objects.create(**{"code": "EUR", "exponent": 2, **BAD_CURRENCIES[name]})


def test_entry_with_a_version_that_is_taken_is_refused(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    other = fund(bob, "1.00")
    with refused_by("entry_version_once"):
        new_entry(alice, transaction=other, version=1)


def test_second_entry_of_a_transaction_on_one_balance_is_refused(alice: User) -> None:
    fund(alice, "100.00")
    with refused_by("entry_once_per_balance"):
        new_entry(alice)


def delete_balance(balance: Balance) -> None:
    delete_row(balance)


def keep_version(balance: Balance) -> None:
    Balance.objects.filter(pk=balance.pk).update(held=1)


def change_amount_alone(balance: Balance) -> None:
    Balance.objects.filter(pk=balance.pk).update(version=F("version") + 1, amount=0)


def lower_version(balance: Balance) -> None:
    Balance.objects.filter(pk=balance.pk).update(version=0, entry_count=0)


def lower_entry_count(balance: Balance) -> None:
    Balance.objects.filter(pk=balance.pk).update(version=F("version") + 1, entry_count=0)


def change_currency(balance: Balance) -> None:
    Balance.objects.filter(pk=balance.pk).update(version=F("version") + 1, currency="EUR")


def change_case_of_currency(balance: Balance) -> None:
    Balance.objects.filter(pk=balance.pk).update(version=F("version") + 1, currency="usd")


def change_owner(balance: Balance) -> None:
    heir = User.objects.get(username="bob")
    Balance.objects.filter(pk=balance.pk).update(version=F("version") + 1, user=heir)


def give_to_the_house(balance: Balance) -> None:
    Balance.objects.filter(pk=balance.pk).update(
        version=F("version") + 1, user=None, house=House.FEES
    )


def change_entry(balance: Balance) -> None:
    BalanceHistory.objects.filter(balance=balance).update(created_at=timezone.now())


def delete_entry(balance: Balance) -> None:
    delete_row(BalanceHistory.objects.get(balance=balance))


def change_decimals(_balance: Balance) -> None:
    Currency.objects.update(exponent=3)


def delete_currency(_balance: Balance) -> None:
    delete_row(Currency.objects.get())


FORBIDDEN: list[tuple[str, Callable[[Balance], None]]] = [
    ("balance_never_deleted", delete_balance),
    ("balance_version_grows", keep_version),
    ("balance_version_grows", lower_version),
    ("balance_version_grows", lower_entry_count),
    ("balance_amount_by_entries", change_amount_alone),
    ("balance_keeps_owner", change_currency),
    ("balance_keeps_owner", change_case_of_currency),
    ("balance_keeps_owner", change_owner),
    ("balance_keeps_owner", give_to_the_house),
    ("currency_never_changed", change_decimals),
    ("currency_never_deleted", delete_currency),
    ("entry_never_changed", change_entry),
    ("entry_never_deleted", delete_entry),
]


def test_triggers_are_all_met_here() -> None:
    assert {name for name, _ in FORBIDDEN} == trigger_names("balances")


@pytest.mark.parametrize(
    ("name", "change"), FORBIDDEN, ids=lambda part: getattr(part, "__name__", part)
)
def test_change_of_the_books_is_refused(
    name: str, change: Callable[[Balance], None], alice: User, bob: User
) -> None:
    fund(alice, "100.00")
    with refused_by(name):
        change(balance_of(alice))


def test_freezing_with_a_new_version_is_accepted(alice: User) -> None:
    fund(alice, "100.00")
    Balance.objects.filter(user=alice).update(status="frozen", version=F("version") + 1)
    assert balance_of(alice).version == 2


def test_users_and_balances_in_the_books_cannot_be_deleted(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    post(transfer(alice, bob, "1.00"))
    for row in (alice, balance_of(bob)):
        with pytest.raises(ProtectedError):
            row.delete()


def test_replacing_an_entry_is_refused(alice: User) -> None:
    """REPLACE deletes before it inserts, which SQLite's triggers see only when told to."""
    fund(alice, "100.00")
    table = BalanceHistory._meta.db_table
    with refused_by("entry_never_deleted"), connection.cursor() as cursor:
        cursor.execute(f"REPLACE INTO {table} SELECT * FROM {table}")  # noqa: S608 - our own name
