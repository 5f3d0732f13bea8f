"""`POST /transactions/{id}/cancel`: who may, what is answered, and what is refused."""

import pytest

from balances.enums import House
from tests.api.client import (
    API,
    TRANSACTIONS,
    Api,
    assert_problem,
    body_of,
    books,
    change_balance,
    wire_balance,
)
from tests.books import (
    amount_of,
    assert_books_are_sound,
    balance_of,
    cancel,
    capture,
    expire,
    fund,
    hold,
    post_one,
    standing,
    stored,
)
from transactions.models import Transaction
from users.actors import Actor
from users.models import User


@pytest.fixture
def pending(alice: User, bob: User) -> Transaction:
    """30 of Alice's 100 for Bob."""
    fund(alice, "100.00")
    return hold(alice, bob, "30.00")


def path_of(t: Transaction) -> str:
    return f"{TRANSACTIONS}/{t.pk}/cancel"


def test_staff_cancels_and_sees_the_payers_balance(
    pending: Transaction, alice: User, bob: User, as_finance: Api
) -> None:
    response = as_finance.post(path_of(pending), {})
    assert response.status_code == 200
    answer = body_of(response)
    assert (answer["id"], answer["status"]) == (str(pending.pk), "cancelled")
    assert (answer["amount"], answer["authorized_amount"]) == ("30.00", "30.00")
    assert answer["completed_at"] is None
    assert answer["balance"] == wire_balance(balance_of(alice), "100.00", 3)
    assert amount_of(bob) == 0
    assert_books_are_sound()


def test_receiver_who_cancels_sees_nothing_of_the_payer(
    pending: Transaction, bob: User, as_bob: Api
) -> None:
    answer = body_of(as_bob.post(path_of(pending), {}))
    assert answer["balance"] == wire_balance(balance_of(bob), "0.00", 0)


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("alice", 403),  # the hold is Bob's security
        ("bob", 200),
        ("charlie", 404),
        ("auditor", 403),
        ("finance", 200),
        ("admin", 200),
        ("anonymous", 401),
    ],
)
def test_who_cancels_a_transfer(
    who: str, status: int, pending: Transaction, request: pytest.FixtureRequest
) -> None:
    name = who if who == "anonymous" else f"as_{who}"
    response = request.getfixturevalue(name).post(path_of(pending), {})
    assert response.status_code == status
    assert stored(pending).status == ("cancelled" if status == 200 else "pending")


@pytest.mark.parametrize(("asked_by", "status"), [("alice", 200), ("finance", 403)])
def test_owner_cancels_only_the_withdrawal_they_asked_for(
    asked_by: str, status: int, alice: User, as_alice: Api, request: pytest.FixtureRequest
) -> None:
    fund(alice, "10.00")
    actor = Actor.of(request.getfixturevalue(asked_by))
    t = hold(alice, House.EXTERNAL, "5.00", actor=actor)
    assert as_alice.post(path_of(t), {}).status_code == status
    assert standing(alice)[1] == (0 if status == 200 else 500)


def test_expired_one_is_cancelled(pending: Transaction, alice: User, as_bob: Api) -> None:
    expire(pending)
    assert body_of(as_bob.post(path_of(pending), {}))["status"] == "cancelled"
    assert standing(alice)[:3] == (10_000, 0, 10_000)


def test_frozen_payer_gets_the_hold_back(pending: Transaction, alice: User, as_bob: Api) -> None:
    change_balance(alice, status="frozen")
    assert as_bob.post(path_of(pending), {}).status_code == 200
    assert standing(alice)[:3] == (10_000, 0, 10_000)


@pytest.mark.parametrize("state", ["captured", "cancelled"])
def test_only_what_is_pending_is_cancelled(
    state: str, pending: Transaction, alice: User, as_bob: Api
) -> None:
    post_one(capture(pending) if state == "captured" else cancel(pending))
    before = standing(alice)
    response = as_bob.post(path_of(pending), {})
    problem = assert_problem(response, 409, "transaction_not_pending")
    assert problem["transaction_id"] == str(pending.pk)
    assert standing(alice) == before


@pytest.mark.parametrize("status", [200, 409])
def test_answer_is_replayed_byte_for_byte(
    status: int, pending: Transaction, alice: User, as_bob: Api
) -> None:
    if status == 409:
        post_one(capture(pending))
    first = as_bob.post(path_of(pending), {}, key="k")
    fund(alice, "1.00")
    before = books()
    again = as_bob.post(path_of(pending), {}, key="k")
    assert again["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert first.status_code == status
    assert books() == before


def test_user_with_something_pending_is_not_deleted(
    pending: Transaction, bob: User, as_bob: Api
) -> None:
    path = f"{API}/users/{bob.pk}"
    assert as_bob.send("DELETE", path).status_code == 409
    assert as_bob.post(path_of(pending), {}).status_code == 200
    assert as_bob.send("DELETE", path).status_code == 204
    assert_books_are_sound()


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("amount", "1.00", "unknown_field"),
        ("reason", "x", "unknown_field"),
        ("dry_run", None, "null"),
        ("dry_run", 1, "not_boolean"),
    ],
)
def test_bad_field_is_named_and_nothing_stored(
    field: str, value: object, code: str, pending: Transaction, as_alice: Api
) -> None:
    before = books()
    response = as_alice.post(path_of(pending), {field: value}, key="k")
    problem = assert_problem(response, 400, "invalid_request")
    assert {name: [e["code"] for e in found] for name, found in problem["errors"].items()} == {
        field: [code]
    }
    assert books() == before


def test_body_may_be_left_out(pending: Transaction, as_bob: Api) -> None:
    assert as_bob.post(path_of(pending), b"").status_code == 200
