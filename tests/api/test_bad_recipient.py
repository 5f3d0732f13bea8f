"""Recipients to whom no money can go: answered with a stable code, and nothing is stored."""

from typing import Any

import pytest
from django.utils import timezone

from tests.api.client import DEPOSIT, TRANSFER, WITHDRAW, Api, assert_problem, books
from tests.books import amount_of, fund, post_one, transfer
from transactions.errors import ActorInactive
from users.actors import Actor
from users.models import User


@pytest.fixture(autouse=True)
def funded(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    fund(bob, "100.00")


@pytest.fixture(params=["USD", "EUR"], ids=["with balances", "without"])
def money(request: pytest.FixtureRequest) -> dict[str, Any]:
    """One unit of a currency; what is refused opens no balance in it."""
    return {"amount": "1.00", "currency": request.param}


def delete(user: User) -> None:
    user.deleted_at = timezone.now()
    user.is_active = False
    user.save()


@pytest.mark.parametrize("user_id", [10**9, 10**18 - 1])
def test_transfer_to_unknown_user_stores_nothing(user_id: int, as_alice: Api, money: Any) -> None:
    before = books()
    response = as_alice.post(TRANSFER, {"to_user_id": user_id, **money})
    assert_problem(response, 422, "user_not_found")
    assert books() == before


def test_transfer_to_deleted_user_strands_nothing(bob: User, as_alice: Api, money: Any) -> None:
    delete(bob)
    before = books()
    response = as_alice.post(TRANSFER, {"to_user_id": bob.pk, **money})
    deleted = assert_problem(response, 422, "user_not_found")
    assert books() == before
    response = as_alice.post(TRANSFER, {"to_user_id": 10**9, **money})
    assert assert_problem(response, 422, "user_not_found")["detail"] == deleted["detail"]


def test_transfer_to_deleted_user_without_a_balance_opens_none(
    charlie: User, as_alice: Api, money: Any
) -> None:
    delete(charlie)
    before = books()
    response = as_alice.post(TRANSFER, {"to_user_id": charlie.pk, **money})
    assert_problem(response, 422, "user_not_found")
    assert books() == before


def test_transfer_to_oneself_is_refused_and_the_next_one_is_not(
    alice: User, bob: User, as_alice: Api, money: Any
) -> None:
    before = books()
    for amount in ("1.00", "500.00"):
        response = as_alice.post(TRANSFER, {"to_user_id": alice.pk, **money, "amount": amount})
        assert_problem(response, 422, "self_transfer")
    assert books() == before
    assert as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": "1.00"}).status_code == 201


@pytest.mark.parametrize("path", [DEPOSIT, WITHDRAW])
def test_funding_of_unknown_or_deleted_user_stores_nothing(
    path: str, bob: User, as_finance: Api, money: Any
) -> None:
    delete(bob)
    before = books()
    for user_id in (bob.pk, 10**9):
        response = as_finance.post(path, {"user_id": user_id, **money})
        assert_problem(response, 422, "user_not_found")
    assert books() == before


def test_transfer_by_staff_from_deleted_user_stores_nothing(
    alice: User, bob: User, as_finance: Api, money: Any
) -> None:
    delete(bob)
    before = books()
    body = {"from_user_id": bob.pk, "to_user_id": alice.pk, **money}
    assert_problem(as_finance.post(TRANSFER, body), 422, "user_not_found")
    assert books() == before
    assert amount_of(bob) == 10000


def test_transfer_by_somebody_who_was_deactivated_stores_nothing(
    alice: User, bob: User, money: Any
) -> None:
    """Their token is believed for some seconds more; the engine looks again."""
    User.objects.filter(pk=alice.pk).update(is_active=False)
    before = books()
    asked = transfer(alice, bob, actor=Actor.of(alice), **money)
    assert type(post_one(asked).error) is ActorInactive
    assert books() == before
