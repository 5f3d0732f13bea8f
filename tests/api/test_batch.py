"""`POST /transactions/batch`: each by itself or all or none, answered in order."""

from typing import Any

import pytest
from django.http import HttpResponse

from audit.models import AuditLog
from tests.api.client import API, DEPOSIT, TRANSFER, Api, assert_problem, body_of, books
from tests.books import amount_of, assert_books_are_sound, fund, standing
from transactions.models import IdempotencyKey, Transaction
from users.models import User

BATCH = f"{API}/transactions/batch"


@pytest.fixture(autouse=True)
def funded(alice: User) -> Transaction:
    return fund(alice, "100.00")


def to(user: User, amount: str, **fields: Any) -> dict[str, Any]:
    return {"type": "transfer", "to_user_id": user.pk, "amount": amount, **fields}


def batch(*items: Any, mode: str = "independent", **fields: Any) -> dict[str, Any]:
    return {"mode": mode, "transactions": list(items), **fields}


def replayed(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The same items when they are answered again."""
    return [{**item, "replayed": True} for item in items]


def results(response: HttpResponse) -> list[dict[str, Any]]:
    assert response.status_code == 200, response.content[:500]
    found: list[dict[str, Any]] = body_of(response)["results"]
    return found


def told(response: HttpResponse) -> list[tuple[int, str]]:
    """Status of each item, with the status of its transaction or the code of its problem."""
    return [
        (
            item["status"],
            item["transaction"]["status"] if "transaction" in item else item["problem"]["code"],
        )
        for item in results(response)
    ]


def errors_of(response: HttpResponse) -> Any:
    return assert_problem(response, 400, "invalid_request")["errors"]


def test_independent_items_have_outcomes_of_their_own_in_order(
    alice: User, bob: User, as_alice: Api
) -> None:
    response = as_alice.post(
        BATCH,
        batch(
            to(bob, "60.00", description="first"),
            to(bob, "60.00"),
            {"type": "deposit", "amount": "20.00"},
            to(alice, "1.00"),
            {"type": "withdrawal", "amount": "50.00", "pending": True},
            {"type": "transfer", "to_user_id": 10**12, "amount": "1.00"},
            to(bob, "10.01"),
            to(bob, "10.00"),
        ),
    )
    assert told(response) == [
        (201, "completed"),
        (422, "insufficient_funds"),
        (201, "completed"),
        (422, "self_transfer"),
        (201, "pending"),
        (422, "user_not_found"),
        (422, "insufficient_funds"),
        (201, "completed"),
    ]
    found = results(response)
    assert found[0]["transaction"]["description"] == "first"
    amounts = [i["transaction"]["balance"]["available"] for i in found if "transaction" in i]
    assert amounts == ["40.00", "60.00", "10.00", "0.00"]
    kept = Transaction.objects.get(pk=found[1]["problem"]["transaction_id"])
    assert kept.status == "failed"
    assert "transaction_id" not in found[3]["problem"]
    assert standing(alice)[:3] == (5_000, 5_000, 0)
    assert_books_are_sound()


def test_atomic_batch_is_posted_whole(alice: User, bob: User, charlie: User, as_alice: Api) -> None:
    response = as_alice.post(BATCH, batch(to(bob, "60.00"), to(charlie, "40.00"), mode="atomic"))
    assert told(response) == [(201, "completed"), (201, "completed")]
    assert [amount_of(user) for user in (alice, bob, charlie)] == [0, 6_000, 4_000]
    assert_books_are_sound()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_atomic_batch_names_the_culprit_and_leaves_nothing_else(
    place: int, alice: User, bob: User, as_alice: Api
) -> None:
    items = [to(bob, "10.00"), to(bob, "10.00", pending=True)]
    items.insert(place, to(bob, "100.01"))
    before, audited = standing(alice), AuditLog.objects.count()
    problem = assert_problem(
        as_alice.post(BATCH, batch(*items, mode="atomic")),
        422,
        "batch_refused",
        index=place,
        reason="insufficient_funds",
    )
    kept = Transaction.objects.get(pk=problem["transaction_id"])
    assert (kept.status, kept.failure_code) == ("failed", "insufficient_funds")
    assert Transaction.objects.count() == AuditLog.objects.count() == audited + 1
    assert standing(alice) == before
    assert not IdempotencyKey.objects.exists()
    assert_books_are_sound()


def test_culprit_of_which_nothing_is_kept_is_named(bob: User, as_alice: Api) -> None:
    nobody = {"type": "transfer", "to_user_id": 10**12, "amount": "1.00"}
    before = books()
    response = as_alice.post(BATCH, batch(to(bob, "1.00"), nobody, mode="atomic"))
    problem = assert_problem(response, 422, "batch_refused", index=1, reason="user_not_found")
    assert "because of transactions[1]: " in problem["detail"]
    assert "transaction_id" not in problem
    assert books()[1:] == before[1:]
    assert amount_of(bob) == 0


def test_version_conflict_refuses_an_atomic_batch_as_a_conflict(bob: User, as_alice: Api) -> None:
    items = to(bob, "1.00"), to(bob, "1.00", expected_version=7)
    response = as_alice.post(BATCH, batch(*items, mode="atomic"))
    assert_problem(response, 409, "batch_refused", index=1, reason="version_conflict")


def test_thousand_items_are_posted_and_one_more_is_refused(
    alice: User, bob: User, as_alice: Api
) -> None:
    items = [to(bob, "0.01") for _ in range(1001)]
    before = books()
    assert [e["code"] for e in errors_of(as_alice.post(BATCH, batch(*items)))["transactions"]] == [
        "max_length"
    ]
    assert books() == before
    response = as_alice.post(BATCH, batch(*items[:1000]), key="k")
    assert set(told(response)) == {(201, "completed")}
    ids = [item["transaction"]["id"] for item in results(response)]
    assert len(set(ids)) == 1000
    assert ids == sorted(ids)
    assert (amount_of(alice), amount_of(bob)) == (9_000, 1_000)
    again = as_alice.post(BATCH, batch(*items[:1000]), key="k")
    assert (again["Idempotent-Replayed"], again.content) == ("true", response.content)
    assert amount_of(bob) == 1_000
    assert_books_are_sound()


def test_last_of_a_thousand_refuses_them_all(alice: User, bob: User, as_alice: Api) -> None:
    items = [to(bob, "0.10") for _ in range(999)]
    response = as_alice.post(BATCH, batch(*items, to(bob, "0.11"), mode="atomic"))
    assert_problem(response, 422, "batch_refused", index=999)
    assert (amount_of(alice), amount_of(bob)) == (10_000, 0)
    assert Transaction.objects.count() == 2


@pytest.mark.parametrize("mode", ["independent", "atomic"])
@pytest.mark.parametrize("refused", ["", "100.01"])
def test_batch_with_a_key_is_replayed_byte_for_byte(
    mode: str, refused: str, alice: User, bob: User, as_alice: Api
) -> None:
    body = batch(to(bob, "10.00"), to(bob, refused or "20.00"), mode=mode)
    first = as_alice.post(BATCH, body, key="k")
    assert first.status_code == (422 if refused and mode == "atomic" else 200)
    fund(alice, "500.00")
    before = books()
    for _ in range(2):
        again = as_alice.post(BATCH, body, key="k")
        assert again["Idempotent-Replayed"] == "true"
        assert (again.status_code, again.content) == (first.status_code, first.content)
        assert again["Content-Type"] == first["Content-Type"]
    assert "Idempotent-Replayed" not in first
    assert books() == before
    other = as_alice.post(BATCH, {**body, "mode": "independent", "dry_run": False}, key="k")
    assert_problem(other, 422, "idempotency_key_reused")
    assert books() == before


def test_items_with_keys_are_posted_once_in_whatever_batch(bob: User, as_alice: Api) -> None:
    items = [to(bob, "1.00", idempotency_key=key) for key in "abc"]
    first = results(as_alice.post(BATCH, batch(*items[:2])))
    second = results(as_alice.post(BATCH, batch(*items)))
    assert [item["replayed"] for item in second] == [True, True, False]
    assert second[:2] == replayed(first)
    third = as_alice.post(BATCH, batch(*items, mode="atomic"))
    assert results(third) == replayed(second)
    assert amount_of(bob) == 300
    assert_books_are_sound()


def test_item_with_the_key_of_another_item_is_refused_alone(bob: User, as_alice: Api) -> None:
    response = as_alice.post(
        BATCH,
        batch(
            to(bob, "1.00", idempotency_key="k"),
            to(bob, "2.00", idempotency_key="k"),
            to(bob, "1.00", idempotency_key="k"),
        ),
    )
    assert told(response) == [
        (201, "completed"),
        (422, "idempotency_key_reused"),
        (201, "completed"),
    ]
    found = results(response)
    assert replayed(found[:1]) == found[2:]
    assert amount_of(bob) == 100


@pytest.mark.parametrize("mode", ["independent", "atomic"])
def test_item_with_the_key_of_the_batch_is_refused(mode: str, bob: User, as_alice: Api) -> None:
    body = batch(to(bob, "1.00", idempotency_key="k"), mode=mode)
    response = as_alice.post(BATCH, body, key="k")
    if mode == "atomic":
        code = "idempotency_key_reused"
        assert_problem(response, 422, "batch_refused", index=0, reason=code)
    else:
        assert told(response) == [(422, "idempotency_key_reused")]
    again = as_alice.post(BATCH, body, key="k")
    assert (again["Idempotent-Replayed"], again.content) == ("true", response.content)
    assert amount_of(bob) == 0


def test_refused_item_with_a_key_is_replayed(alice: User, bob: User, as_alice: Api) -> None:
    item = to(bob, "100.01", idempotency_key="k")
    first = results(as_alice.post(BATCH, batch(item)))
    fund(alice, "100.00")
    assert results(as_alice.post(BATCH, batch(item))) == replayed(first)
    response = as_alice.post(BATCH, batch(to(bob, "1.00"), item, mode="atomic"))
    problem = assert_problem(response, 422, "batch_refused", index=1, reason="insufficient_funds")
    assert problem["transaction_id"] == first[0]["problem"]["transaction_id"]
    assert amount_of(bob) == 0


def test_key_of_an_item_is_not_that_of_a_single_request(bob: User, as_alice: Api) -> None:
    as_alice.post(BATCH, batch(to(bob, "1.00", idempotency_key="k")))
    response = as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": "1.00"}, key="k")
    assert_problem(response, 422, "idempotency_key_reused")
    as_alice.post(DEPOSIT, {"amount": "1.00"}, key="d")
    deposit = {"type": "deposit", "amount": "1.00", "idempotency_key": "d"}
    assert told(as_alice.post(BATCH, batch(deposit))) == [(422, "idempotency_key_reused")]


@pytest.mark.parametrize("mode", ["independent", "atomic"])
@pytest.mark.parametrize("who", ["alice", "auditor"])
def test_whole_batch_is_refused_for_anothers_money(
    mode: str, who: str, bob: User, request: pytest.FixtureRequest
) -> None:
    fund(bob, "10.00")
    alice, api = request.getfixturevalue("alice"), request.getfixturevalue(f"as_{who}")
    before = books()
    for item in (
        to(alice, "1.00", from_user_id=bob.pk),
        {"type": "withdrawal", "amount": "1.00", "user_id": bob.pk},
        {"type": "deposit", "amount": "1.00", "user_id": 10**12},
    ):
        response = api.post(BATCH, batch({"type": "deposit", "amount": "1.00"}, item, mode=mode))
        assert_problem(response, 403, "permission_denied")
    assert books() == before


def test_staff_moves_anybodys_money(alice: User, bob: User, as_finance: Api) -> None:
    response = as_finance.post(
        BATCH,
        batch(
            to(bob, "10.00", from_user_id=alice.pk),
            {"type": "deposit", "amount": "5.00", "user_id": bob.pk},
            {"type": "withdrawal", "amount": "15.00", "user_id": bob.pk},
        ),
    )
    found = results(response)
    assert [item["transaction"]["balance"]["amount"] for item in found] == [
        "90.00",
        "15.00",
        "0.00",
    ]


def test_counterpartys_balance_is_in_no_answer(alice: User, bob: User, as_alice: Api) -> None:
    fund(bob, "77.77")
    response = as_alice.post(BATCH, batch(to(bob, "1.00"), to(bob, "999.00")))
    text = response.content.decode()
    assert not any(known in text for known in ("77.77", "78.77", bob.email, "role"))


def test_currencies_are_mixed(alice: User, bob: User, as_alice: Api) -> None:
    response = as_alice.post(
        BATCH,
        batch(
            {"type": "deposit", "amount": "7", "currency": "JPY"},
            {"type": "deposit", "amount": "0.007", "currency": "BHD"},
            to(bob, "3", currency="JPY"),
            to(bob, "0.003", currency="BHD"),
            mode="atomic",
        ),
    )
    amounts = [item["transaction"]["balance"]["amount"] for item in results(response)]
    assert amounts == ["7", "0.007", "4", "0.004"]
    assert_books_are_sound()


def test_bad_items_are_named_by_their_index(bob: User, as_alice: Api) -> None:
    before = books()
    response = as_alice.post(
        BATCH,
        batch(
            to(bob, "1.00"),
            to(bob, "1.001"),
            {"type": "reversal", "to_user_id": bob.pk, "amount": "1.00"},
            {"type": "deposit", "amount": "1.00", "to_user_id": bob.pk},
            to(bob, "1.00", idempotency_key="two words"),
            to(bob, "1.00", idempotency_key=None),
            to(bob, "1.00", expires_in=5),
            {"amount": "1.00", "to_user_id": bob.pk},
            {"type": ["transfer"], "amount": "1.00", "to_user_id": bob.pk},
            to(bob, "1.00", mode="atomic"),
        ),
        key="k",
    )
    found = errors_of(response)["transactions"]
    assert {
        index: {name: [e["code"] for e in errors] for name, errors in fields.items()}
        for index, fields in found.items()
    } == {
        "1": {"amount": ["too_many_decimals"]},
        "2": {"type": ["invalid_choice"]},
        "3": {"to_user_id": ["unknown_field"]},
        "4": {"idempotency_key": ["invalid_idempotency_key"]},
        "5": {"idempotency_key": ["null"]},
        "6": {"expires_in": ["not_pending"]},
        "7": {"type": ["required"]},
        "8": {"type": ["invalid_choice"]},
        "9": {"mode": ["unknown_field"]},
    }
    assert books() == before


@pytest.mark.parametrize("item", [None, 1, "x", [], True, [{"type": "transfer"}]], ids=repr)
def test_item_that_is_no_object_is_named(item: object, bob: User, as_alice: Api) -> None:
    before = books()
    found = errors_of(as_alice.post(BATCH, batch(to(bob, "1.00"), item)))
    assert list(found["transactions"]) == ["1"]
    assert books() == before


@pytest.mark.parametrize(
    ("body", "field", "code"),
    [
        ({}, "transactions", "required"),
        ({"transactions": []}, "transactions", "min_length"),
        ({"transactions": None}, "transactions", "null"),
        ({"transactions": {}}, "transactions", "not_a_list"),
        ({"transactions": "x"}, "transactions", "not_a_list"),
        ({"transactions": [{}], "mode": "both"}, "mode", "invalid_choice"),
        ({"transactions": [{}], "mode": None}, "mode", "null"),
        ({"transactions": [{}], "mode": ["atomic"]}, "mode", "invalid_choice"),
        ({"transactions": [{}], "dry_run": 1}, "dry_run", "not_boolean"),
        ({"transactions": [{}], "currency": "USD"}, "currency", "unknown_field"),
    ],
    ids=str,
)
def test_bad_field_is_named(body: Any, field: str, code: str, as_alice: Api) -> None:
    before = books()
    found = errors_of(as_alice.post(BATCH, body, key="k"))
    assert {name: [e["code"] for e in errors] for name, errors in found.items()} == {field: [code]}
    assert books() == before


def test_dry_run_is_asked_for_the_whole(bob: User, as_alice: Api) -> None:
    before = books()
    found = errors_of(as_alice.post(BATCH, batch(to(bob, "1.00", dry_run=True))))
    assert "dry_run" in found
    assert books() == before


def test_bad_key_is_refused(bob: User, as_alice: Api) -> None:
    response = as_alice.post(BATCH, batch(to(bob, "1.00")), key="two words")
    assert_problem(response, 400, "invalid_idempotency_key")


def test_nobody_posts_a_batch(bob: User, anonymous: Api) -> None:
    assert anonymous.post(BATCH, batch(to(bob, "1.00"))).status_code == 401


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_other_methods_are_refused(method: str, as_alice: Api) -> None:
    assert as_alice.send(method, BATCH).status_code == 405


def test_item_that_is_not_allowed_is_named(alice: User, bob: User, as_bob: Api) -> None:
    mine = {"type": "transfer", "to_user_id": alice.pk, "amount": "1.00"}
    response = as_bob.post(BATCH, batch(mine, {**mine, "from_user_id": alice.pk}))
    assert_problem(response, 403, "permission_denied", index=1)


def test_atomic_refusal_tells_what_the_culprit_would(alice: User, bob: User, as_alice: Api) -> None:
    items = to(bob, "1.00"), to(bob, "1.00", expected_version=99)
    response = as_alice.post(BATCH, batch(*items, mode="atomic"))
    told = {"index": 1, "reason": "version_conflict", "current_version": 2}
    assert_problem(response, 409, "batch_refused", **told)
