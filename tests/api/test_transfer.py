"""POST /transactions/transfer."""

import pytest

from audit.models import AuditLog
from balances.enums import BalanceStatus
from tests.api.client import (
    TRANSFER,
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


def test_transfer_answers_transaction_and_payers_balance(
    alice: User, bob: User, as_alice: Api
) -> None:
    body = {
        "to_user_id": bob.pk,
        "amount": "30.50",
        "currency": "USD",
        "description": "Lunch ☕",
        "reference": "INV-7",
        "metadata": {"order": 17, "lines": [{"price": 1.5}], "paid": True, "by": None},
    }
    response = as_alice.post(TRANSFER, body)
    assert response.status_code == 201
    assert response["Content-Type"] == "application/json"
    assert "Idempotent-Replayed" not in response
    made = Transaction.objects.get(type="transfer")
    at = wire_time(made.created_at)
    assert body_of(response) == {
        "id": str(made.pk),
        "type": "transfer",
        "status": "completed",
        "amount": "30.50",
        "authorized_amount": None,
        "reversed_amount": "0.00",
        "currency": "USD",
        "from_user": wire_party(alice),
        "to_user": wire_party(bob),
        "description": "Lunch ☕",
        "reference": "INV-7",
        "metadata": {"order": 17, "lines": [{"price": 1.5}], "paid": True, "by": None},
        "failure_code": None,
        "reverses": None,
        "expires_at": None,
        "effective_at": at,
        "created_at": at,
        "completed_at": at,
        "balance": wire_balance(balance_of(alice), "69.50", 2),
    }
    assert (amount_of(alice), amount_of(bob)) == (6950, 3050)
    assert made.requested_by_id == alice.pk
    assert_books_are_sound()


@pytest.mark.parametrize(
    ("amount", "minor"),
    [("0.01", 1), ("1", 100), ("1.5", 150), ("100.00", 10000), (7, 700)],
)
def test_transfer_amount_in_each_accepted_form(
    amount: str | int, minor: int, bob: User, as_alice: Api
) -> None:
    assert as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": amount}).status_code == 201
    assert amount_of(bob) == minor


def test_transfer_amount_as_json_number_is_never_a_float(bob: User, as_alice: Api) -> None:
    body = b'{"to_user_id": %d, "amount": 12.10}' % bob.pk
    response = as_alice.post(TRANSFER, body)
    assert response.status_code == 201
    assert body_of(response)["amount"] == "12.10"


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "500"), ("BHD", "1.005")])
def test_transfer_in_another_currency_moves_only_that(
    currency: str, amount: str, alice: User, bob: User, as_alice: Api
) -> None:
    fund(alice, amount, currency)
    body = {"to_user_id": bob.pk, "amount": amount, "currency": currency}
    response = as_alice.post(TRANSFER, body)
    assert response.status_code == 201
    assert body_of(response)["amount"] == amount
    assert amount_of(alice, currency) == 0
    assert amount_of(alice, "USD") == 10000


def test_transfer_beyond_funds_is_kept_as_failed(alice: User, bob: User, as_alice: Api) -> None:
    response = as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": "100.01"})
    failed = Transaction.objects.get(type="transfer")
    problem = assert_problem(response, 422, "insufficient_funds", transaction_id=str(failed.pk))
    assert set(problem) == {
        "type",
        "title",
        "status",
        "detail",
        "code",
        "request_id",
        "transaction_id",
    }
    assert (failed.status, failed.failure_code) == ("failed", "insufficient_funds")
    assert (amount_of(alice), amount_of(bob)) == (10000, 0)
    assert_books_are_sound()


@pytest.mark.parametrize(
    ("whose", "status"),
    [
        ("alice", BalanceStatus.FROZEN),
        ("alice", BalanceStatus.DEBITS_FROZEN),
        ("bob", BalanceStatus.FROZEN),
    ],
)
def test_transfer_of_a_frozen_balance_is_refused(
    whose: str, status: BalanceStatus, alice: User, bob: User, as_alice: Api
) -> None:
    fund(bob, "1.00")
    change_balance(alice if whose == "alice" else bob, status=status)
    response = as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": "1.00"})
    assert_problem(response, 422, "balance_frozen" if whose == "alice" else "receiver_unavailable")
    assert (amount_of(alice), amount_of(bob)) == (10000, 100)


def test_transfer_to_balance_with_debits_frozen_arrives(bob: User, as_alice: Api) -> None:
    fund(bob, "1.00")
    change_balance(bob, status=BalanceStatus.DEBITS_FROZEN)
    assert as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": "1"}).status_code == 201


def test_transfer_with_expected_version(bob: User, as_alice: Api) -> None:
    body = {"to_user_id": bob.pk, "amount": "1.00", "expected_version": 1}
    assert as_alice.post(TRANSFER, body).status_code == 201
    assert_problem(as_alice.post(TRANSFER, body), 409, "version_conflict", current_version=2)
    assert amount_of(bob) == 100


def test_transfer_naming_oneself_as_payer_is_ones_own(
    alice: User, bob: User, as_alice: Api
) -> None:
    body = {"from_user_id": alice.pk, "to_user_id": bob.pk, "amount": "1.00"}
    assert as_alice.post(TRANSFER, body).status_code == 201


@pytest.mark.parametrize("caller", ["bob", "charlie", "auditor"])
def test_transfer_of_anothers_money_is_forbidden(
    caller: str, alice: User, bob: User, request: pytest.FixtureRequest
) -> None:
    api = request.getfixturevalue(f"as_{caller}")
    before = books()
    body = {"from_user_id": alice.pk, "to_user_id": bob.pk, "amount": "1.00"}
    assert_problem(api.post(TRANSFER, body), 403, "permission_denied")
    nobody = {**body, "from_user_id": 10**9}
    assert_problem(api.post(TRANSFER, nobody), 403, "permission_denied")
    assert books() == before


@pytest.mark.parametrize("caller", ["finance", "admin"])
def test_transfer_by_staff_for_a_user_is_theirs_to_ask(
    caller: str, alice: User, bob: User, request: pytest.FixtureRequest
) -> None:
    api = request.getfixturevalue(f"as_{caller}")
    body = {"from_user_id": alice.pk, "to_user_id": bob.pk, "amount": "1.00"}
    response = api.post(TRANSFER, body)
    assert response.status_code == 201
    assert body_of(response)["from_user"] == wire_party(alice)
    made = Transaction.objects.get(type="transfer")
    assert made.requested_by_id == request.getfixturevalue(caller).pk


def test_transfer_leaves_audit_row_with_ids_of_the_request(bob: User, as_alice: Api) -> None:
    headers = {"X-Request-ID": "req-17", "traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}
    body = {"to_user_id": bob.pk, "amount": "1.00"}
    response = as_alice.send("POST", TRANSFER, body, headers=headers, REMOTE_ADDR="192.0.2.7")
    assert response["X-Request-ID"] == "req-17"
    row = AuditLog.objects.get(entity_id=body_of(response)["id"])
    assert (row.actor_name, row.action) == ("alice", "transaction.completed")
    assert (row.request_id, row.trace_id, row.ip) == ("req-17", "a" * 32, "192.0.2.7")
    assert row.details == {
        "type": "transfer",
        "amount": "1.00",
        "currency": "USD",
        "from": "alice",
        "to": "bob",
    }


def test_transfer_answer_tells_nothing_of_the_receiver(bob: User, as_alice: Api) -> None:
    fund(bob, "777.00")
    response = as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": "1.00"})
    assert bob.email.encode() not in response.content
    assert b'"778.00"' not in response.content
