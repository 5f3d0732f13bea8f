"""Recipients to whom no money can go: answered with a stable code, and nothing is stored."""

import pytest
from django.utils import timezone

from tests.api.client import DEPOSIT, TRANSFER, WITHDRAW, Api, assert_problem, books
from tests.books import amount_of, fund
from users.models import User


@pytest.fixture(autouse=True)
def funded(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    fund(bob, "100.00")


def delete(user: User) -> None:
    user.deleted_at = timezone.now()
    user.is_active = False
    user.save()


@pytest.mark.parametrize("user_id", [10**9, 10**18 - 1])
def test_transfer_to_unknown_user_stores_nothing(user_id: int, as_alice: Api) -> None:
    before = books()
    response = as_alice.post(TRANSFER, {"to_user_id": user_id, "amount": "1.00"}, key="k")
    assert_problem(response, 422, "user_not_found")
    assert books() == before


def test_transfer_to_deleted_user_strands_nothing(bob: User, as_alice: Api) -> None:
    delete(bob)
    before = books()
    response = as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": "1.00"}, key="k")
    deleted = assert_problem(response, 422, "user_not_found")
    assert books() == before
    response = as_alice.post(TRANSFER, {"to_user_id": 10**9, "amount": "1.00"})
    assert assert_problem(response, 422, "user_not_found")["detail"] == deleted["detail"]


def test_transfer_to_deleted_user_without_a_balance_opens_none(
    charlie: User, as_alice: Api
) -> None:
    delete(charlie)
    before = books()
    response = as_alice.post(TRANSFER, {"to_user_id": charlie.pk, "amount": "1.00"})
    assert_problem(response, 422, "user_not_found")
    assert books() == before


def test_transfer_to_oneself_is_refused_and_the_next_one_is_not(
    alice: User, bob: User, as_alice: Api
) -> None:
    before = books()
    for amount in ("1.00", "500.00"):
        response = as_alice.post(TRANSFER, {"to_user_id": alice.pk, "amount": amount}, key="k")
        assert_problem(response, 422, "self_transfer")
    assert books() == before
    assert as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": "1.00"}).status_code == 201


@pytest.mark.parametrize("path", [DEPOSIT, WITHDRAW])
def test_funding_of_unknown_or_deleted_user_stores_nothing(
    path: str, bob: User, as_finance: Api
) -> None:
    delete(bob)
    before = books()
    for user_id in (bob.pk, 10**9):
        response = as_finance.post(path, {"user_id": user_id, "amount": "1.00"}, key="k")
        assert_problem(response, 422, "user_not_found")
    assert books() == before


def test_transfer_by_staff_from_deleted_user_stores_nothing(
    alice: User, bob: User, as_finance: Api
) -> None:
    delete(bob)
    before = books()
    body = {"from_user_id": bob.pk, "to_user_id": alice.pk, "amount": "1.00"}
    assert_problem(as_finance.post(TRANSFER, body), 422, "user_not_found")
    assert books() == before
    assert amount_of(bob) == 10000
