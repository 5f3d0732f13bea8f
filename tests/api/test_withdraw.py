"""POST /transactions/withdraw."""

from typing import Any

import pytest

from balances.enums import BalanceStatus, House
from tests.api.client import (
    WITHDRAW,
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


@pytest.fixture(autouse=True)
def funded(alice: User) -> Transaction:
    return fund(alice, "100.00")


def test_withdraw_answers_transaction_and_payers_balance(alice: User, as_alice: Api) -> None:
    response = as_alice.post(WITHDRAW, {"amount": "40", "reference": "ATM 12"})
    assert response.status_code == 201
    made = Transaction.objects.get(type="withdrawal")
    at = wire_time(made.created_at)
    assert body_of(response) == {
        "id": str(made.pk),
        "type": "withdrawal",
        "status": "completed",
        "amount": "40.00",
        "authorized_amount": None,
        "reversed_amount": "0.00",
        "currency": "USD",
        "from_user": wire_party(alice),
        "to_user": None,
        "description": "",
        "reference": "ATM 12",
        "metadata": {},
        "failure_code": None,
        "reverses": None,
        "expires_at": None,
        "effective_at": at,
        "created_at": at,
        "completed_at": at,
        "balance": wire_balance(balance_of(alice), "60.00", 2),
    }
    assert amount_of(House.EXTERNAL) == -6000
    assert_books_are_sound()


def test_withdraw_of_everything_leaves_zero(alice: User, as_alice: Api) -> None:
    response = as_alice.post(WITHDRAW, {"amount": "100.00"})
    assert body_of(response)["balance"] == wire_balance(balance_of(alice), "0.00", 2)


def test_withdraw_beyond_funds_is_kept_as_failed(alice: User, as_alice: Api) -> None:
    response = as_alice.post(WITHDRAW, {"amount": "100.01"})
    failed = Transaction.objects.get(type="withdrawal")
    assert_problem(response, 422, "insufficient_funds", transaction_id=str(failed.pk))
    assert failed.status == "failed"
    assert amount_of(alice) == 10000
    assert_books_are_sound()


def test_withdraw_counts_what_is_held(alice: User, as_alice: Api) -> None:
    change_balance(alice, held=3000)
    assert_problem(as_alice.post(WITHDRAW, {"amount": "70.01"}), 422, "insufficient_funds")
    response = as_alice.post(WITHDRAW, {"amount": "70.00"})
    assert body_of(response)["balance"] == wire_balance(
        balance_of(alice), "30.00", 3, held="30.00", available="0.00"
    )


@pytest.mark.parametrize("status", [BalanceStatus.FROZEN, BalanceStatus.DEBITS_FROZEN])
def test_withdraw_from_frozen_balance_is_refused(
    status: BalanceStatus, alice: User, as_alice: Api
) -> None:
    change_balance(alice, status=status)
    assert_problem(as_alice.post(WITHDRAW, {"amount": "1.00"}), 422, "balance_frozen")
    assert amount_of(alice) == 10000


@pytest.mark.parametrize("caller", ["finance", "admin"])
def test_withdraw_by_staff_is_from_the_user_they_name(
    caller: str, alice: User, request: pytest.FixtureRequest
) -> None:
    response = request.getfixturevalue(f"as_{caller}").post(
        WITHDRAW, {"user_id": alice.pk, "amount": "5.00"}
    )
    assert response.status_code == 201
    assert body_of(response)["from_user"] == wire_party(alice)
    assert body_of(response)["balance"] == wire_balance(balance_of(alice), "95.00", 2)


@pytest.mark.parametrize("caller", ["bob", "auditor"])
def test_withdraw_from_another_is_forbidden(
    caller: str, alice: User, request: pytest.FixtureRequest
) -> None:
    api = request.getfixturevalue(f"as_{caller}")
    before = books()
    response = api.post(WITHDRAW, {"user_id": alice.pk, "amount": "5.00"})
    assert_problem(response, 403, "permission_denied")
    assert books() == before


def test_withdraw_by_oneself_is_forbidden_without_self_service(
    settings: Any, as_alice: Api
) -> None:
    settings.SELF_SERVICE_FUNDING = False
    before = books()
    assert_problem(as_alice.post(WITHDRAW, {"amount": "5.00"}), 403, "funding_not_allowed")
    assert books() == before
