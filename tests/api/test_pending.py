"""`pending: true`: the answer, who sees it, and what is left to spend meanwhile."""

from datetime import timedelta

import pytest

from tests.api.client import (
    CURRENT,
    DEPOSIT,
    TRANSACTIONS,
    TRANSFER,
    WITHDRAW,
    Api,
    assert_problem,
    body_of,
    books,
    wire_balance,
    wire_party,
    wire_time,
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
)
from transactions.models import Transaction
from users.models import User


@pytest.fixture(autouse=True)
def funded(alice: User) -> Transaction:
    return fund(alice, "100.00")


def test_pending_transfer_is_answered_with_the_hold(alice: User, bob: User, as_alice: Api) -> None:
    body = {"to_user_id": bob.pk, "amount": "30.00", "pending": True, "expires_in": 60}
    response = as_alice.post(TRANSFER, body)
    assert response.status_code == 201
    t = Transaction.objects.get(status="pending")
    assert t.expires_at is not None
    assert abs(t.expires_at - t.created_at - timedelta(seconds=60)) < timedelta(seconds=5)
    answer = body_of(response)
    assert (answer["id"], answer["status"], answer["amount"]) == (str(t.pk), "pending", "30.00")
    assert (answer["expires_at"], answer["completed_at"]) == (wire_time(t.expires_at), None)
    assert (answer["from_user"], answer["to_user"]) == (wire_party(alice), wire_party(bob))
    held = {"held": "30.00", "available": "70.00"}
    assert answer["balance"] == wire_balance(balance_of(alice), "100.00", 2, **held)
    assert amount_of(bob) == 0
    assert_books_are_sound()


def test_hold_lasts_a_week_unless_said_otherwise(bob: User, as_alice: Api) -> None:
    as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": "1.00", "pending": True})
    t = Transaction.objects.get(status="pending")
    assert t.expires_at is not None
    assert abs(t.expires_at - t.created_at - timedelta(days=7)) < timedelta(seconds=5)


@pytest.mark.parametrize(("currency", "amount"), [("JPY", "7"), ("BHD", "0.007")])
def test_held_and_available_have_the_decimals_of_their_currency(
    currency: str, amount: str, alice: User, bob: User, as_alice: Api
) -> None:
    fund(alice, amount, currency)
    body = {"to_user_id": bob.pk, "amount": amount, "currency": currency, "pending": True}
    balance = body_of(as_alice.post(TRANSFER, body))["balance"]
    zero = amount.replace("7", "0")
    assert (balance["amount"], balance["held"], balance["available"]) == (amount, amount, zero)
    seen = body_of(as_alice.get(CURRENT, currency=currency))
    assert (seen["held"], seen["available"]) == (amount, zero)


@pytest.mark.parametrize("path", [DEPOSIT, WITHDRAW])
def test_pending_funding_is_held(path: str, alice: User, as_alice: Api) -> None:
    answer = body_of(as_alice.post(path, {"amount": "40.00", "pending": True}))
    assert answer["status"] == "pending"
    held = 4_000 if path == WITHDRAW else 0
    assert standing(alice)[:3] == (10_000, held, 10_000 - held)
    assert answer["balance"]["available"] == ("60.00" if path == WITHDRAW else "100.00")
    assert_books_are_sound()


def test_refused_hold_is_kept_as_failed(alice: User, bob: User, as_alice: Api) -> None:
    body = {"to_user_id": bob.pk, "amount": "100.01", "pending": True}
    problem = assert_problem(as_alice.post(TRANSFER, body), 422, "insufficient_funds")
    kept = Transaction.objects.get(pk=problem["transaction_id"])
    assert (kept.status, kept.expires_at) == ("failed", None)
    assert standing(alice) == (10_000, 0, 10_000, 1)


def test_what_is_held_is_not_spent(alice: User, bob: User, as_alice: Api) -> None:
    hold(alice, bob, "30.00")
    for path, body in ((TRANSFER, {"to_user_id": bob.pk}), (WITHDRAW, {})):
        response = as_alice.post(path, {**body, "amount": "70.01"})
        assert_problem(response, 422, "insufficient_funds")
    assert as_alice.post(WITHDRAW, {"amount": "70.00"}).status_code == 201


def test_minimum_is_kept_beside_what_is_held(alice: User, bob: User, as_alice: Api) -> None:
    hold(alice, bob, "30.00")
    body = {"to_user_id": bob.pk, "amount": "20.01", "min_balance_after": "50.00"}
    assert_problem(as_alice.post(TRANSFER, body), 422, "minimum_balance_not_kept")
    assert as_alice.post(TRANSFER, {**body, "amount": "20.00"}).status_code == 201
    body = {"to_user_id": bob.pk, "amount": "50.00", "min_balance_after": "0.00"}
    assert as_alice.post(TRANSFER, body).status_code == 201


def test_parties_and_staff_see_it_and_a_stranger_does_not(  # noqa: PLR0917 - the whole cast
    alice: User, bob: User, as_alice: Api, as_bob: Api, as_charlie: Api, as_auditor: Api
) -> None:
    path = f"{TRANSACTIONS}/{hold(alice, bob, '30.00').pk}"
    for api in (as_alice, as_bob, as_auditor):
        answer = body_of(api.get(path))
        assert answer["status"] == "pending"
        assert "balance" not in answer
        assert len(body_of(api.get(TRANSACTIONS, status="pending"))["results"]) == 1
    assert_problem(as_charlie.get(path), 404, "not_found")
    assert body_of(as_charlie.get(TRANSACTIONS, status="pending"))["results"] == []


def test_what_is_shown_of_a_balance_follows_each_step(
    alice: User, bob: User, as_alice: Api, as_bob: Api
) -> None:
    """Cached or not, and with another ETag after each."""

    def seen(api: Api) -> tuple[str, str, str]:
        balance = body_of(api.get(CURRENT, currency="USD"))
        tags.append(api.get(CURRENT, currency="USD")["ETag"])
        return balance["amount"], balance["held"], balance["available"]

    tags: list[str] = []
    assert seen(as_alice) == ("100.00", "0.00", "100.00")
    first = hold(alice, bob, "30.00")
    assert seen(as_alice) == ("100.00", "30.00", "70.00")
    second = hold(alice, bob, "20.00")
    assert seen(as_alice) == ("100.00", "50.00", "50.00")
    post_one(capture(first, "10.00"))
    assert seen(as_alice) == ("90.00", "20.00", "70.00")
    assert seen(as_bob) == ("10.00", "0.00", "10.00")
    post_one(cancel(second))
    assert seen(as_alice) == ("90.00", "0.00", "90.00")
    assert len(set(tags)) == 6


@pytest.mark.parametrize("amount", ["30.00", "300.00"])
def test_hold_is_replayed_byte_for_byte(amount: str, alice: User, bob: User, as_alice: Api) -> None:
    """Also after it was captured: the answer is that of the hold."""
    body = {"to_user_id": bob.pk, "amount": amount, "pending": True}
    first = as_alice.post(TRANSFER, body, key="k")
    for t in Transaction.objects.filter(status="pending"):
        post_one(capture(t))
    fund(alice, "1000.00")
    before = books()
    again = as_alice.post(TRANSFER, body, key="k")
    assert again["Idempotent-Replayed"] == "true"
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert books() == before
    other = as_alice.post(TRANSFER, body | {"pending": False}, key="k")
    assert_problem(other, 422, "idempotency_key_reused")


@pytest.mark.parametrize(
    ("field", "value", "code"),
    [
        ("pending", None, "null"),
        ("pending", "true", "not_boolean"),
        ("pending", 1, "not_boolean"),
        ("expires_in", None, "null"),
        ("expires_in", "60", "not_whole"),
        ("expires_in", 1.5, "not_whole"),
        ("expires_in", True, "not_whole"),
        ("expires_in", 0, "min_value"),
        ("expires_in", -1, "min_value"),
        ("expires_in", 90 * 24 * 3600 + 1, "max_value"),
        ("min_balance_after", None, "null"),
        ("min_balance_after", "-1", "amount_not_positive"),
        ("min_balance_after", "1.001", "too_many_decimals"),
        ("min_balance_after", "1e5", "invalid_amount"),
        ("min_balance_after", "0..0", "invalid_amount"),
        ("min_balance_after", "", "invalid_amount"),
        ("min_balance_after", "9" * 19, "amount_too_large"),
        ("dry_run", None, "null"),
        ("dry_run", "yes", "not_boolean"),
        ("dry_run", 0, "not_boolean"),
        ("authorized_amount", "1.00", "unknown_field"),
        ("expires_at", "2030-01-01T00:00:00Z", "unknown_field"),
        ("group", "g", "unknown_field"),
    ],
)
def test_bad_field_is_named(field: str, value: object, code: str, bob: User, as_alice: Api) -> None:
    before = books()
    body = {"to_user_id": bob.pk, "amount": "1.00", "pending": True, field: value}
    problem = assert_problem(as_alice.post(TRANSFER, body, key="k"), 400, "invalid_request")
    assert {name: [e["code"] for e in found] for name, found in problem["errors"].items()} == {
        field: [code]
    }
    assert books() == before


@pytest.mark.parametrize("pending", [{}, {"pending": False}])
def test_only_what_is_pending_expires(pending: dict[str, bool], bob: User, as_alice: Api) -> None:
    body = {"to_user_id": bob.pk, "amount": "1.00", "expires_in": 60, **pending}
    problem = assert_problem(as_alice.post(TRANSFER, body), 400, "invalid_request")
    assert [e["code"] for e in problem["errors"]["expires_in"]] == ["not_pending"]


@pytest.mark.parametrize("seconds", [1, 90 * 24 * 3600])
def test_shortest_and_longest_hold(seconds: int, bob: User, as_alice: Api) -> None:
    body = {"to_user_id": bob.pk, "amount": "1.00", "pending": True, "expires_in": seconds}
    assert as_alice.post(TRANSFER, body).status_code == 201


def test_expired_hold_is_available_to_whoever_reads_the_balance(
    alice: User, bob: User, as_alice: Api
) -> None:
    kept, over = hold(alice, bob, "10.00"), hold(alice, bob, "80.00")
    before = body_of(as_alice.get(CURRENT, currency="USD"))
    assert (before["held"], before["available"]) == ("90.00", "10.00")
    expire(over)
    after = body_of(as_alice.get(CURRENT, currency="USD"))
    assert after == wire_balance(balance_of(alice), "100.00", 4, held="10.00", available="90.00")
    assert body_of(as_alice.get(CURRENT, currency="USD")) == after
    assert [Transaction.objects.get(pk=t.pk).status for t in (kept, over)] == [
        "pending",
        "cancelled",
    ]
    too_much = {"amount": "90.01", "expected_version": after["version"]}
    assert_problem(as_alice.post(WITHDRAW, too_much), 422, "insufficient_funds")
    assert as_alice.post(WITHDRAW, {**too_much, "amount": "90.00"}).status_code == 201
    assert_books_are_sound()
