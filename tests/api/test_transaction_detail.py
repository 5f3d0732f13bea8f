"""GET /transactions/{id}."""

import uuid

import pytest

from tests.api.client import (
    TRANSACTIONS,
    TRANSFER,
    Api,
    assert_problem,
    body_of,
    wire_party,
    wire_time,
)
from tests.books import fund, post_one, transfer
from transactions.models import Transaction
from users.models import User


@pytest.fixture
def sent(alice: User, bob: User) -> Transaction:
    fund(alice, "100.00")
    made = post_one(
        transfer(alice, bob, "10.00", description="Rent", reference="R-1", metadata={"m": [1]})
    ).transaction
    assert made is not None
    return made


@pytest.fixture
def refused(alice: User, bob: User) -> Transaction:
    fund(alice, "1.00")
    made = post_one(transfer(alice, bob, "10.00")).transaction
    assert made is not None
    return made


def address(transaction: Transaction) -> str:
    return f"{TRANSACTIONS}/{transaction.pk}"


@pytest.mark.parametrize("caller", ["alice", "bob", "auditor", "finance", "admin"])
def test_detail_is_the_same_for_both_parties_and_staff(
    caller: str, sent: Transaction, alice: User, bob: User, request: pytest.FixtureRequest
) -> None:
    response = request.getfixturevalue(f"as_{caller}").get(address(sent))
    assert response.status_code == 200
    at = wire_time(sent.created_at)
    assert body_of(response) == {
        "id": str(sent.pk),
        "type": "transfer",
        "status": "completed",
        "amount": "10.00",
        "authorized_amount": None,
        "reversed_amount": "0.00",
        "currency": "USD",
        "from_user": wire_party(alice),
        "to_user": wire_party(bob),
        "description": "Rent",
        "reference": "R-1",
        "metadata": {"m": [1]},
        "failure_code": None,
        "reverses": None,
        "expires_at": None,
        "effective_at": at,
        "created_at": at,
        "completed_at": at,
    }


def test_detail_is_what_the_transfer_answered(alice: User, bob: User, as_alice: Api) -> None:
    fund(alice, "100.00")
    answered = body_of(as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": "1.00"}))
    del answered["balance"]
    assert body_of(as_alice.get(f"{TRANSACTIONS}/{answered['id']}")) == answered


@pytest.mark.parametrize("caller", ["alice", "auditor"])
def test_detail_of_refused_tells_payer_and_staff_why(
    caller: str, refused: Transaction, request: pytest.FixtureRequest
) -> None:
    body = body_of(request.getfixturevalue(f"as_{caller}").get(address(refused)))
    assert (body["status"], body["failure_code"]) == ("failed", "insufficient_funds")
    assert body["completed_at"] is None


def test_detail_of_refused_does_not_exist_for_receiver(refused: Transaction, as_bob: Api) -> None:
    assert_problem(as_bob.get(address(refused)), 404, "not_found")


def test_detail_of_others_is_answered_as_that_of_nothing(
    sent: Transaction, as_charlie: Api
) -> None:
    bodies = []
    for pk in (sent.pk, uuid.uuid4()):
        problem = assert_problem(as_charlie.get(f"{TRANSACTIONS}/{pk}"), 404, "not_found")
        del problem["request_id"]
        bodies.append(problem)
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize("name", ["1", "not-a-uuid", "00000000", "%00", "' OR 1=1 --", "🦆"])
def test_detail_of_no_uuid_is_not_found(name: str, as_alice: Api) -> None:
    assert_problem(as_alice.get(f"{TRANSACTIONS}/{name}"), 404, "not_found")


def test_detail_never_shows_a_counterpartys_address_or_role(
    sent: Transaction, alice: User, as_bob: Api
) -> None:
    content = as_bob.get(address(sent)).content
    assert alice.email.encode() not in content
    assert b"role" not in content
