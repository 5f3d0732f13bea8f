"""POST /transactions/deposit."""

from typing import Any

import pytest
from pytest_django import Settings

from balances.enums import BalanceStatus, House
from tests.api.client import (
    CURRENT,
    DEPOSIT,
    Api,
    assert_problem,
    body_of,
    books,
    change_balance,
    wire_balance,
    wire_party,
    wire_time,
)
from tests.books import amount_of, assert_books_are_sound, balance_of, fund
from transactions.models import Transaction
from users.models import User


def test_deposit_answers_transaction_and_receivers_balance(alice: User, as_alice: Api) -> None:
    response = as_alice.post(DEPOSIT, {"amount": "100.50"})
    assert response.status_code == 201
    made = Transaction.objects.get()
    at = wire_time(made.created_at)
    assert body_of(response) == {
        "id": str(made.pk),
        "type": "deposit",
        "status": "completed",
        "amount": "100.50",
        "authorized_amount": None,
        "reversed_amount": "0.00",
        "currency": "USD",
        "from_user": None,
        "to_user": wire_party(alice),
        "description": "",
        "reference": "",
        "metadata": {},
        "failure_code": None,
        "reverses": None,
        "expires_at": None,
        "effective_at": at,
        "created_at": at,
        "completed_at": at,
        "balance": wire_balance(balance_of(alice), "100.50", 1),
    }
    assert amount_of(House.EXTERNAL) == -10050
    assert_books_are_sound()


def test_deposit_that_was_answered_is_applied(as_alice: Api) -> None:
    for _ in range(3):
        answered = body_of(as_alice.post(DEPOSIT, {"amount": "10.00"}))["balance"]
        assert body_of(as_alice.get(CURRENT, currency="USD")) == answered
    assert answered["amount"] == "30.00"


@pytest.mark.parametrize("caller", ["finance", "admin"])
def test_deposit_by_staff_is_for_the_user_they_name(
    caller: str, alice: User, request: pytest.FixtureRequest
) -> None:
    response = request.getfixturevalue(f"as_{caller}").post(
        DEPOSIT, {"user_id": alice.pk, "amount": "5.00"}
    )
    assert response.status_code == 201
    assert body_of(response)["to_user"] == wire_party(alice)
    assert body_of(response)["balance"] == wire_balance(balance_of(alice), "5.00", 1)
    assert Transaction.objects.get().requested_by_id == request.getfixturevalue(caller).pk


@pytest.mark.parametrize("caller", ["bob", "auditor"])
def test_deposit_for_another_is_forbidden(
    caller: str, alice: User, request: pytest.FixtureRequest
) -> None:
    api = request.getfixturevalue(f"as_{caller}")
    before = books()
    for user_id in (alice.pk, 10**9):
        response = api.post(DEPOSIT, {"user_id": user_id, "amount": "5.00"})
        assert_problem(response, 403, "permission_denied")
    assert books() == before


@pytest.mark.parametrize("caller", ["alice", "auditor"])
def test_deposit_by_oneself_is_forbidden_without_self_service(
    caller: str, settings: Any, request: pytest.FixtureRequest
) -> None:
    settings.SELF_SERVICE_FUNDING = False
    api = request.getfixturevalue(f"as_{caller}")
    before = books()
    assert_problem(api.post(DEPOSIT, {"amount": "5.00"}), 403, "funding_not_allowed")
    assert books() == before


def test_deposit_by_finance_goes_on_without_self_service(
    settings: Any, alice: User, as_finance: Api
) -> None:
    settings.SELF_SERVICE_FUNDING = False
    response = as_finance.post(DEPOSIT, {"user_id": alice.pk, "amount": "5.00"})
    assert response.status_code == 201


def test_deposit_for_unknown_user_stores_nothing(alice: User, as_finance: Api) -> None:
    fund(alice, "1.00")
    before = books()
    response = as_finance.post(DEPOSIT, {"user_id": 10**9, "amount": "5.00"})
    assert_problem(response, 422, "user_not_found")
    assert books() == before


def test_deposit_to_frozen_balance_is_refused(alice: User, as_alice: Api) -> None:
    fund(alice, "1.00")
    change_balance(alice, status=BalanceStatus.FROZEN)
    assert_problem(as_alice.post(DEPOSIT, {"amount": "5.00"}), 422, "balance_frozen")
    assert amount_of(alice) == 100


def test_deposit_of_the_largest_amounts_stops_before_overflow(alice: User, as_alice: Api) -> None:
    for _ in range(9):
        assert as_alice.post(DEPOSIT, {"amount": "9999999999999999.99"}).status_code == 201
    response = as_alice.post(DEPOSIT, {"amount": "9999999999999999.99"})
    assert_problem(response, 422, "balance_limit_exceeded")
    assert amount_of(alice) == 9 * (10**18 - 1)
    assert_books_are_sound()


def test_deposit_takes_no_recipient_of_a_transfer(bob: User, as_alice: Api) -> None:
    response = as_alice.post(DEPOSIT, {"to_user_id": bob.pk, "amount": "5.00"})
    problem = assert_problem(response, 400, "invalid_request")
    assert [e["code"] for e in problem["errors"]["to_user_id"]] == ["unknown_field"]


def test_staff_funds_others_and_not_themselves_once_self_service_is_off(
    alice: User, finance: User, as_finance: Api, settings: Settings
) -> None:
    settings.SELF_SERVICE_FUNDING = False
    own = as_finance.post(DEPOSIT, {"amount": "5.00"})
    assert_problem(own, 403, "funding_not_allowed")
    assert as_finance.post(DEPOSIT, {"user_id": alice.pk, "amount": "5.00"}).status_code == 201
    assert (amount_of(finance), amount_of(alice)) == (0, 500)
