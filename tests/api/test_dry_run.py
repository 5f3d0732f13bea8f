"""`dry_run: true`: what would be answered, with status 200, and nothing is stored."""

from typing import Any

import pytest

from tests.api.client import (
    API,
    DEPOSIT,
    TRANSACTIONS,
    TRANSFER,
    WITHDRAW,
    Api,
    assert_problem,
    body_of,
)
from tests.books import amount_of, expire, fund, hold, post_one, stored, transfer
from tests.transactions.test_dry_run import every_row
from transactions.models import Transaction
from users.models import User

BATCH = f"{API}/transactions/batch"


@pytest.fixture(autouse=True)
def funded(alice: User) -> Transaction:
    return fund(alice, "100.00")


def tried(api: Api, path: str, body: dict[str, Any], key: str | None = None) -> Any:
    """The response to a dry run, which changed not one row of any table."""
    before = every_row()
    response = api.post(path, {**body, "dry_run": True}, key=key)
    assert every_row() == before
    return response


@pytest.mark.parametrize("path", [TRANSFER, DEPOSIT, WITHDRAW])
@pytest.mark.parametrize("fields", [{}, {"pending": True}], ids=str)
def test_movement_is_answered_as_it_would_be(
    path: str,
    fields: dict[str, Any],
    bob: User,
    as_alice: Api,
) -> None:
    body: dict[str, Any] = {"amount": "30.00", **fields}
    if path == TRANSFER:
        body["to_user_id"] = bob.pk
    response = tried(as_alice, path, body, key="k")
    assert response.status_code == 200
    dry = body_of(response)
    wet_response = as_alice.post(path, body, key="k")
    assert wet_response.status_code == 201
    assert "Idempotent-Replayed" not in wet_response
    wet = body_of(wet_response)
    assert (dry.pop("dry_run"), dry["id"]) == (True, None)
    times = ("id", "created_at", "effective_at", "completed_at", "expires_at")
    for answer in (dry, wet):
        answer["balance"].pop("updated_at")
        for name in times:
            answer.pop(name)
    assert dry == wet


def test_capture_cancel_and_reverse_are_answered_as_they_would_be(
    alice: User, bob: User, as_bob: Api
) -> None:
    pending = hold(alice, bob, "30.00")
    paid = post_one(transfer(alice, bob, "10.00")).transaction
    assert paid is not None
    capture = tried(as_bob, f"{TRANSACTIONS}/{pending.pk}/capture", {"amount": "12.00"}, key="k")
    cancel = tried(as_bob, f"{TRANSACTIONS}/{pending.pk}/cancel", {}, key="k")
    reverse = tried(as_bob, f"{TRANSACTIONS}/{paid.pk}/reverse", {"reason": "x"}, key="k")
    assert [r.status_code for r in (capture, cancel, reverse)] == [200, 200, 200]
    answers = [body_of(r) for r in (capture, cancel, reverse)]
    assert [a["status"] for a in answers] == ["completed", "cancelled", "completed"]
    assert [a["balance"]["amount"] for a in answers] == ["22.00", "10.00", "0.00"]
    assert [a["id"] for a in answers] == [str(pending.pk), str(pending.pk), None]
    assert all(a["dry_run"] for a in answers)
    assert stored(pending).status == "pending"


@pytest.mark.parametrize(
    ("status", "code", "body"),
    [
        (422, "insufficient_funds", {"amount": "100.01"}),
        (409, "version_conflict", {"expected_version": 9}),
        (422, "minimum_balance_not_kept", {"min_balance_after": "99.01"}),
        (422, "user_not_found", {"to_user_id": 10**12}),
        (400, "invalid_request", {"amount": "1.001"}),
        (403, "permission_denied", {"from_user_id": 10**12}),
    ],
    ids=str,
)
def test_refusal_is_explained(
    status: int, code: str, body: dict[str, Any], bob: User, as_alice: Api
) -> None:
    asked = {"to_user_id": bob.pk, "amount": "1.00", **body}
    problem = assert_problem(tried(as_alice, TRANSFER, asked, key="k"), status, code)
    assert "transaction_id" not in problem
    fund(bob, "1.00")
    assert "Idempotent-Replayed" not in as_alice.post(TRANSFER, asked, key="k")


def test_refused_capture_and_reversal_are_explained(alice: User, bob: User, as_bob: Api) -> None:
    pending = hold(alice, bob, "30.00")
    path = f"{TRANSACTIONS}/{pending.pk}"
    response = tried(as_bob, f"{path}/capture", {"amount": "30.01"})
    assert_problem(response, 422, "capture_exceeds_authorized")
    response = tried(as_bob, f"{path}/reverse", {"reason": "x"})
    assert_problem(response, 422, "not_reversible")
    expire(pending)
    assert_problem(tried(as_bob, f"{path}/capture", {}), 409, "transaction_expired")
    assert stored(pending).status == "pending"


def test_roles_are_those_of_the_real_thing(
    alice: User, bob: User, as_charlie: Api, as_auditor: Api
) -> None:
    path = f"{TRANSACTIONS}/{hold(alice, bob, '30.00').pk}/capture"
    assert tried(as_charlie, path, {}).status_code == 404
    assert tried(as_auditor, path, {}).status_code == 403


def test_first_balance_is_not_opened(alice: User, as_alice: Api) -> None:
    answer = body_of(tried(as_alice, DEPOSIT, {"amount": "0.007", "currency": "BHD"}))
    assert answer["balance"]["amount"] == "0.007"
    assert amount_of(alice, "BHD") == 0


def items(bob: User, *amounts: str, **fields: Any) -> list[dict[str, Any]]:
    return [
        {"type": "transfer", "to_user_id": bob.pk, "amount": amount, **fields} for amount in amounts
    ]


def test_batch_is_tried_item_by_item(bob: User, as_alice: Api) -> None:
    body = {"transactions": items(bob, "60.00", "60.00", "40.00")}
    found = body_of(tried(as_alice, BATCH, body, key="k"))["results"]
    assert [item["status"] for item in found] == [200, 422, 200]
    assert [found[n]["transaction"]["id"] for n in (0, 2)] == [None, None]
    assert "transaction_id" not in found[1]["problem"]
    assert found[2]["transaction"]["balance"]["amount"] == "0.00"
    assert "Idempotent-Replayed" not in as_alice.post(BATCH, body, key="k")


def test_atomic_batch_is_tried_whole(bob: User, as_alice: Api) -> None:
    body = {"mode": "atomic", "transactions": items(bob, "60.00", "60.00")}
    problem = assert_problem(
        tried(as_alice, BATCH, body), 422, "batch_refused", index=1, reason="insufficient_funds"
    )
    assert "transaction_id" not in problem
    body["transactions"] = items(bob, "60.00", "40.00")
    assert tried(as_alice, BATCH, body).status_code == 200


@pytest.mark.parametrize("mode", ["independent", "atomic"])
@pytest.mark.parametrize("amount", ["1.00", "100.01"])
def test_items_whose_keys_were_used_are_answered_as_they_were(
    mode: str, amount: str, alice: User, bob: User, as_alice: Api
) -> None:
    body = {"transactions": items(bob, amount, idempotency_key="k")}
    first = body_of(as_alice.post(BATCH, body))["results"]
    fund(alice, "100.00")
    response = tried(as_alice, BATCH, {**body, "mode": mode})
    if mode == "atomic" and amount == "100.01":
        assert_problem(response, 422, "batch_refused", index=0, reason="insufficient_funds")
    else:
        assert body_of(response)["results"] == [{**item, "replayed": True} for item in first]


def test_same_item_twice_would_be_posted_once(bob: User, as_alice: Api) -> None:
    body = {"transactions": items(bob, "60.00", "60.00", idempotency_key="k")}
    first, second = body_of(tried(as_alice, BATCH, body))["results"]
    assert {**first, "replayed": True} == second
    assert (first["status"], first["transaction"]["id"]) == (200, None)
    refused = {"transactions": items(bob, "100.01", "100.01", idempotency_key="k")}
    first, second = body_of(tried(as_alice, BATCH, refused))["results"]
    assert {**first, "replayed": True} == second
    assert "transaction_id" not in first["problem"]


def test_dry_run_of_what_was_sent_under_the_key_is_tried_anew(bob: User, as_alice: Api) -> None:
    body = {"to_user_id": bob.pk, "amount": "1.00"}
    assert as_alice.post(TRANSFER, body, key="k").status_code == 201
    response = as_alice.post(TRANSFER, body | {"dry_run": True}, key="k")
    assert response.status_code == 200
    assert "Idempotent-Replayed" not in response
    assert body_of(response)["id"] is None


def test_key_that_can_not_be_used_is_refused_in_a_dry_run_as_well(bob: User, as_alice: Api) -> None:
    body = {"to_user_id": bob.pk, "amount": "1.00", "dry_run": True}
    response = as_alice.post(TRANSFER, body, key="two words")
    assert_problem(response, 400, "invalid_idempotency_key")
