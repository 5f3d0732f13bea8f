"""One instruction that the database will not take cannot fail its neighbours."""

from typing import Any

import pytest
from django.db import connection

from tests.books import amount_of, assert_books_are_sound, deposit, fund, idempotency, transfer
from transactions.batches import post_units
from transactions.instructions import Instruction, Unit, UnitOutcome
from transactions.models import Transaction
from users.models import User

POISONS: dict[str, dict[str, Any]] = {
    "metadata that is no JSON": {"metadata": {"x": object()}},
    "metadata that only Python calls JSON": {"metadata": {"x": float("nan")}},
    "text that is no Unicode": {"description": "\ud800"},
}


def poisoned(good: Instruction, poison: dict[str, Any]) -> Instruction:
    fields = {name: getattr(good, name) for name in good.__slots__ if name != "id"}
    return Instruction(**{**fields, **poison})


@pytest.mark.usefixtures("both_ways")
@pytest.mark.parametrize("name", POISONS)
def test_poisoned_instruction_fails_alone(name: str, alice: User, bob: User) -> None:
    fund(alice, "10.00")
    bad = poisoned(transfer(alice, bob, "1.00"), POISONS[name])
    units = [[transfer(alice, bob, "1.00")] for _ in range(5)]
    units.insert(2, [bad])
    results = post_units([Unit(orders) for orders in units])
    kinds = ["outcome" if isinstance(result, UnitOutcome) else "error" for result in results]
    assert kinds == ["outcome", "outcome", "error", "outcome", "outcome", "outcome"]
    assert (amount_of(alice), amount_of(bob)) == (500, 500)
    assert_books_are_sound()


@pytest.mark.usefixtures("both_ways")
def test_unit_with_a_poisoned_instruction_is_left_out_whole(alice: User, bob: User) -> None:
    bad = poisoned(deposit(bob, "1.00"), {"metadata": {"x": object()}})
    units = [[deposit(alice, "1.00"), bad], [deposit(bob, "2.00", idempotency=idempotency("k"))]]
    results = post_units([Unit(orders) for orders in units])
    assert isinstance(results[0], TypeError)
    assert isinstance(results[1], UnitOutcome)
    assert (amount_of(alice), amount_of(bob)) == (0, 200)
    assert Transaction.objects.count() == 1


@pytest.mark.django_db
def test_text_that_is_too_long_is_refused_by_the_server_databases(alice: User) -> None:
    results = post_units(
        [Unit([deposit(alice, "1.00", reference="x" * 101)]), Unit([deposit(alice, "2.00")])]
    )
    if connection.vendor == "mysql":
        assert isinstance(results[0], Exception)
    assert isinstance(results[1], UnitOutcome)
    assert_books_are_sound()
