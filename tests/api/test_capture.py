"""`POST /transactions/{id}/capture`: who may, what is answered, and what is refused."""

import json
from uuid import uuid4

import pytest
from pytest_django import Settings

from balances.enums import House
from tests.api.client import (
    TRANSACTIONS,
    Api,
    assert_problem,
    body_of,
    books,
    wire_balance,
    wire_party,
)
from tests.books import (
    amount_of,
    assert_books_are_sound,
    balance_of,
    expire,
    fund,
    hold,
    post_one,
    standing,
    stored,
    transfer,
)
from transactions.models import Transaction
from users.actors import Actor
from users.models import User
from users.roles import Role


@pytest.fixture
def pending(alice: User, bob: User) -> Transaction:
    """30 of Alice's 100 for Bob."""
    fund(alice, "100.00")
    return hold(alice, bob, "30.00")


def path_of(t: Transaction, what: str = "capture") -> str:
    return f"{TRANSACTIONS}/{t.pk}/{what}"


def test_receiver_captures_and_sees_their_own_balance(
    pending: Transaction, alice: User, bob: User, as_bob: Api
) -> None:
    response = as_bob.post(path_of(pending), {})
    assert response.status_code == 200
    answer = body_of(response)
    assert (answer["id"], answer["status"]) == (str(pending.pk), "completed")
    assert (answer["amount"], answer["completed_at"] is None) == ("30.00", False)
    assert (answer["from_user"], answer["to_user"]) == (wire_party(alice), wire_party(bob))
    assert answer["balance"] == wire_balance(balance_of(bob), "30.00", 1)
    assert "100.00" not in response.content.decode()
    assert "70.00" not in response.content.decode()
    assert_books_are_sound()


def test_payer_pays_all_of_it_or_nothing(
    pending: Transaction, alice: User, bob: User, as_alice: Api
) -> None:
    """A cent of it would let go of the rest, which is the receiver's security."""
    part = as_alice.post(path_of(pending), {"amount": "12.34"})
    assert_problem(part, 403, "permission_denied")
    answer = body_of(as_alice.post(path_of(pending), {"amount": "30.00"}))
    assert (answer["status"], answer["amount"]) == ("completed", "30.00")
    version = balance_of(alice).version
    assert answer["balance"] == wire_balance(balance_of(alice), "70.00", version)
    assert amount_of(bob) == 3_000


def test_receiver_captures_a_part(pending: Transaction, bob: User, as_bob: Api) -> None:
    answer = body_of(as_bob.post(path_of(pending), {"amount": "12.34"}))
    assert (answer["status"], answer["amount"]) == ("completed", "12.34")
    assert answer["authorized_amount"] == "30.00"
    assert answer["balance"]["amount"] == "12.34"


def test_staff_sees_the_payers_balance(pending: Transaction, alice: User, as_finance: Api) -> None:
    answer = body_of(as_finance.post(path_of(pending), {}))
    assert answer["balance"]["amount"] == "70.00"
    assert standing(alice)[0] == 7_000


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("alice", 200),
        ("bob", 200),
        ("charlie", 404),
        ("auditor", 403),
        ("finance", 200),
        ("admin", 200),
        ("anonymous", 401),
    ],
)
def test_who_captures_a_transfer(
    who: str, status: int, pending: Transaction, request: pytest.FixtureRequest
) -> None:
    name = who if who == "anonymous" else f"as_{who}"
    response = request.getfixturevalue(name).post(path_of(pending), {})
    assert response.status_code == status
    assert stored(pending).status == ("completed" if status == 200 else "pending")


@pytest.mark.parametrize("asked_by", ["alice", "finance"])
@pytest.mark.parametrize("who", ["alice", "auditor", "finance", "charlie"])
def test_who_captures_a_deposit(asked_by: str, who: str, request: pytest.FixtureRequest) -> None:
    """The owner only what they asked for themselves: else they would fund themselves."""
    owner, asking = request.getfixturevalue("alice"), request.getfixturevalue(asked_by)
    t = hold(House.EXTERNAL, owner, "5.00", actor=Actor.of(asking))
    expected = {"finance": 200, "auditor": 403, "charlie": 404}
    expected["alice"] = 200 if asked_by == "alice" else 403
    response = request.getfixturevalue(f"as_{who}").post(path_of(t), {})
    assert response.status_code == expected[who]
    assert amount_of(owner) == (500 if expected[who] == 200 else 0)


def test_own_deposit_is_not_captured_once_self_service_is_off(
    alice: User, as_alice: Api, as_finance: Api, settings: Settings
) -> None:
    t, other = (hold(House.EXTERNAL, alice, "5.00", actor=Actor.of(alice)) for _ in range(2))
    settings.SELF_SERVICE_FUNDING = False
    assert_problem(as_alice.post(path_of(t), {}), 403, "funding_not_allowed")
    assert amount_of(alice) == 0
    assert as_alice.post(path_of(t, "cancel"), {}).status_code == 200
    assert as_finance.post(path_of(other), {}).status_code == 200


@pytest.mark.parametrize("role", [Role.USER, Role.AUDITOR])
def test_who_lost_the_role_settles_no_more(
    role: Role, pending: Transaction, finance: User, as_finance: Api
) -> None:
    """Having asked for it is not enough."""
    t = hold(
        User.objects.get(username="alice"),
        User.objects.get(username="bob"),
        "1.00",
        actor=Actor.of(finance),
    )
    User.objects.filter(pk=finance.pk).update(role=role)
    for what in ("capture", "cancel"):
        status = as_finance.post(path_of(t, what), {}).status_code
        assert status == (404 if role == Role.USER else 403)
    assert stored(t).status == "pending"


def test_deactivated_caller_captures_nothing(pending: Transaction, bob: User, as_bob: Api) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    assert as_bob.post(path_of(pending), {}).status_code == 401
    assert stored(pending).status == "pending"


@pytest.mark.parametrize("what", ["capture", "cancel", "reverse"])
def test_strangers_and_nobodys_transaction_look_the_same(
    what: str, pending: Transaction, as_charlie: Api
) -> None:
    body = {"reason": "mine"} if what == "reverse" else {}
    answers = []
    for t in (pending, Transaction(pk=uuid4())):
        problem = assert_problem(as_charlie.post(path_of(t, what), body, key="k"), 404, "not_found")
        answers.append({**problem, "request_id": ""})
    assert answers[0] == answers[1]


@pytest.mark.parametrize("what", ["capture", "cancel", "reverse"])
@pytest.mark.parametrize("pk", ["1", "x", "0" * 32, "00000000-0000-0000-0000-00000000000G"])
def test_what_is_no_id_is_not_found(what: str, pk: str, as_alice: Api) -> None:
    response = as_alice.post(f"{TRANSACTIONS}/{pk}/{what}", {"reason": "x"})
    assert_problem(response, 404, "not_found")


@pytest.mark.parametrize("what", ["capture", "cancel", "reverse"])
@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused(
    what: str, method: str, pending: Transaction, as_alice: Api
) -> None:
    response = as_alice.send(method, path_of(pending, what))
    assert_problem(response, 405, "method_not_allowed")
    assert response["Allow"] == "POST, OPTIONS"


def test_more_than_was_held_is_refused(pending: Transaction, as_bob: Api) -> None:
    response = as_bob.post(path_of(pending), {"amount": "30.01"})
    problem = assert_problem(response, 422, "capture_exceeds_authorized")
    assert problem["transaction_id"] == str(pending.pk)
    assert stored(pending).status == "pending"


def test_twice_is_refused(pending: Transaction, bob: User, as_bob: Api) -> None:
    as_bob.post(path_of(pending), {"amount": "1.00"})
    before = standing(bob)
    response = as_bob.post(path_of(pending), {"amount": "1.00"})
    assert_problem(response, 409, "transaction_not_pending")
    assert standing(bob) == before


def test_failed_one_is_not_captured(alice: User, bob: User, as_alice: Api, as_bob: Api) -> None:
    t = post_one(transfer(alice, bob, "1.00")).transaction
    assert t is not None
    assert_problem(as_alice.post(path_of(t), {}), 409, "transaction_not_pending")
    assert_problem(as_bob.post(path_of(t), {}), 404, "not_found")


def test_expired_one_is_let_go(pending: Transaction, alice: User, as_bob: Api) -> None:
    expire(pending)
    assert_problem(as_bob.post(path_of(pending), {}), 409, "transaction_expired")
    assert stored(pending).status == "cancelled"
    assert standing(alice)[:3] == (10_000, 0, 10_000)
    assert_problem(as_bob.post(path_of(pending), {}), 409, "transaction_not_pending")


@pytest.mark.parametrize("case", ["success", "too much", "expired", "not pending"])
def test_answer_is_replayed_byte_for_byte(
    case: str, pending: Transaction, alice: User, as_bob: Api
) -> None:
    body = {"amount": "31.00" if case == "too much" else "10.00"}
    if case == "expired":
        expire(pending)
    if case == "not pending":
        as_bob.post(path_of(pending), {})
    first = as_bob.post(path_of(pending), body, key="k")
    if case == "too much":
        as_bob.post(path_of(pending), {})
    fund(alice, "1.00")
    before = books()
    for _ in range(2):
        again = as_bob.post(path_of(pending), body, key="k")
        assert again["Idempotent-Replayed"] == "true"
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again["Content-Type"] == first["Content-Type"]
    assert "Idempotent-Replayed" not in first
    assert (first.status_code == 200) is (case == "success")
    assert books() == before


def test_key_is_of_this_body_this_route_and_this_transaction(
    pending: Transaction, alice: User, bob: User, as_bob: Api
) -> None:
    other = hold(alice, bob, "1.00")
    assert as_bob.post(path_of(pending), {"amount": "1.00"}, key="k").status_code == 200
    before = books()
    for path, body in (
        (path_of(pending), {"amount": "2.00"}),
        (path_of(pending), {}),
        (path_of(other), {"amount": "1.00"}),
        (path_of(other, "cancel"), {}),
    ):
        response = as_bob.post(path, body, key="k")
        assert_problem(response, 422, "idempotency_key_reused")
    assert books() == before


def test_keys_of_the_two_parties_never_meet(
    pending: Transaction, as_alice: Api, as_bob: Api
) -> None:
    assert as_alice.post(path_of(pending), {}, key="k").status_code == 200
    response = as_bob.post(path_of(pending), {}, key="k")
    assert_problem(response, 409, "transaction_not_pending")
    assert "Idempotent-Replayed" not in response


def test_body_may_be_left_out(pending: Transaction, as_bob: Api) -> None:
    assert as_bob.post(path_of(pending), b"").status_code == 200


BAD_AMOUNTS = [
    ("null", "null"),
    ("true", "invalid_amount"),
    ('"0"', "amount_not_positive"),
    ('"0.00"', "amount_not_positive"),
    ("0", "amount_not_positive"),
    ('"-1.00"', "amount_not_positive"),
    ("-1", "amount_not_positive"),
    ('"1.001"', "too_many_decimals"),
    ("1.001", "too_many_decimals"),
    ('"1e2"', "invalid_amount"),
    ("1e5000000", "invalid_amount"),
    ('"NaN"', "invalid_amount"),
    ('""', "invalid_amount"),
    ("[]", "invalid_amount"),
    ("{}", "invalid_amount"),
    ('"' + "9" * 100_000 + '"', "amount_too_large"),
]


@pytest.mark.parametrize(
    ("field", "text", "code"),
    [
        *(("amount", text, code) for text, code in BAD_AMOUNTS),
        ("dry_run", "null", "null"),
        ("dry_run", '"true"', "not_boolean"),
        ("currency", '"USD"', "unknown_field"),
        ("reason", '"x"', "unknown_field"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_bad_field_is_named_and_nothing_stored(
    field: str, text: str, code: str, pending: Transaction, as_bob: Api
) -> None:
    before = books()
    response = as_bob.post(path_of(pending), f'{{"{field}":{text}}}'.encode(), key="k")
    problem = assert_problem(response, 400, "invalid_request")
    assert {name: [e["code"] for e in found] for name, found in problem["errors"].items()} == {
        field: [code]
    }
    assert books() == before
    assert stored(pending).status == "pending"


@pytest.mark.parametrize("what", ["capture", "cancel", "reverse"])
@pytest.mark.parametrize("body", [[], "x", 1, None, [{"amount": "1.00"}]], ids=json.dumps)
def test_body_that_is_no_object_is_refused(
    what: str, body: object, pending: Transaction, as_bob: Api
) -> None:
    before = books()
    response = as_bob.post(path_of(pending, what), body, key="k")
    assert_problem(response, 400, "invalid_request")
    assert books() == before


def test_amount_has_the_decimals_of_the_pending_transaction(
    alice: User, bob: User, as_bob: Api
) -> None:
    fund(alice, "100", "JPY")
    t = hold(alice, bob, "30", "JPY")
    response = as_bob.post(path_of(t), {"amount": "1.5"})
    problem = assert_problem(response, 400, "invalid_request")
    assert [e["code"] for e in problem["errors"]["amount"]] == ["too_many_decimals"]
    assert body_of(as_bob.post(path_of(t), {"amount": "7"}))["amount"] == "7"
