"""The Idempotency-Key header on every endpoint that moves money."""

from typing import Any

import pytest
from django.http import HttpResponse

from tests.api.client import (
    DEPOSIT,
    TRANSFER,
    WITHDRAW,
    Api,
    assert_problem,
    body_of,
    books,
    change_balance,
)
from tests.books import amount_of, assert_books_are_sound, fund
from transactions.models import IdempotencyKey, Transaction
from users.models import User


@pytest.fixture(autouse=True)
def funded(alice: User) -> Transaction:
    return fund(alice, "100.00")


def assert_replayed(first: HttpResponse, again: HttpResponse) -> None:
    assert "Idempotent-Replayed" not in first
    assert again["Idempotent-Replayed"] == "true"
    assert again.status_code == first.status_code
    assert again.content == first.content
    assert again["Content-Type"] == first["Content-Type"]


def test_transfer_replays_success_byte_for_byte(alice: User, bob: User, as_alice: Api) -> None:
    body = {"to_user_id": bob.pk, "amount": "30.00", "description": "Ünï ☕"}
    first = as_alice.post(TRANSFER, body, key="k-1")
    fund(alice, "5.00")
    before = books()
    for _ in range(2):
        assert_replayed(first, as_alice.post(TRANSFER, body, key="k-1"))
    assert books() == before
    assert amount_of(bob) == 3000
    assert_books_are_sound()


def test_transfer_replays_refusal_byte_for_byte_even_when_it_would_succeed_now(
    alice: User, bob: User, as_alice: Api
) -> None:
    body = {"to_user_id": bob.pk, "amount": "500.00"}
    first = as_alice.post(TRANSFER, body, key="k-1")
    assert_problem(first, 422, "insufficient_funds")
    fund(alice, "1000.00")
    assert_replayed(first, as_alice.post(TRANSFER, body, key="k-1"))
    assert amount_of(bob) == 0


def test_transfer_replays_frozen_and_version_conflict(
    alice: User, bob: User, as_alice: Api
) -> None:
    conflicting = {"to_user_id": bob.pk, "amount": "1.00", "expected_version": 9}
    first = as_alice.post(TRANSFER, conflicting, key="v")
    assert_problem(first, 409, "version_conflict", current_version=1)
    change_balance(alice, status="frozen")
    frozen = as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": "1.00"}, key="f")
    assert_problem(frozen, 422, "balance_frozen")
    change_balance(alice, status="active")
    assert_replayed(first, as_alice.post(TRANSFER, conflicting, key="v"))
    again = as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": "1.00"}, key="f")
    assert_replayed(frozen, again)


@pytest.mark.parametrize("path", [DEPOSIT, WITHDRAW])
def test_funding_replays(path: str, alice: User, as_alice: Api) -> None:
    first = as_alice.post(path, {"amount": "7.00"}, key="k-1")
    assert first.status_code == 201
    after = amount_of(alice)
    assert_replayed(first, as_alice.post(path, {"amount": "7.00"}, key="k-1"))
    assert amount_of(alice) == after


def test_same_values_written_differently_are_the_same_request(bob: User, as_alice: Api) -> None:
    first = as_alice.post(TRANSFER, b'{"to_user_id":%d,"amount":"1.00"}' % bob.pk, key="k-1")
    again = as_alice.post(TRANSFER, b'{ "amount": "1.00",\n "to_user_id": %d }' % bob.pk, key="k-1")
    assert_replayed(first, again)


@pytest.mark.parametrize(
    "other",
    [
        {"amount": "2.00"},
        {"description": "other"},
        {"currency": "JPY", "amount": "1"},
        {"metadata": {"n": 1}},
        {"expected_version": 1},
    ],
    ids=str,
)
def test_key_with_another_body_is_refused(other: dict[str, Any], bob: User, as_alice: Api) -> None:
    body = {"to_user_id": bob.pk, "amount": "1.00"}
    assert as_alice.post(TRANSFER, body, key="k-1").status_code == 201
    before = books()
    response = as_alice.post(TRANSFER, {**body, **other}, key="k-1")
    assert_problem(response, 422, "idempotency_key_reused")
    assert "Idempotent-Replayed" not in response
    assert books()[1:] == before[1:]


def test_key_on_another_route_is_refused(alice: User, as_alice: Api) -> None:
    assert as_alice.post(DEPOSIT, {"amount": "1.00"}, key="k-1").status_code == 201
    response = as_alice.post(WITHDRAW, {"amount": "1.00"}, key="k-1")
    assert_problem(response, 422, "idempotency_key_reused")
    assert amount_of(alice) == 10100


def test_key_is_scoped_to_the_caller(
    alice: User, bob: User, charlie: User, as_alice: Api, as_bob: Api
) -> None:
    fund(bob, "50.00")
    body = {"to_user_id": charlie.pk, "amount": "1.00"}
    first = as_alice.post(TRANSFER, body, key="same")
    other = as_bob.post(TRANSFER, body, key="same")
    assert (first.status_code, other.status_code) == (201, 201)
    assert body_of(first)["id"] != body_of(other)["id"]
    assert amount_of(charlie) == 200


def test_keys_differ_by_case(bob: User, as_alice: Api) -> None:
    body = {"to_user_id": bob.pk, "amount": "1.00"}
    for key in ("order-a", "order-A"):
        assert "Idempotent-Replayed" not in as_alice.post(TRANSFER, body, key=key)
    assert amount_of(bob) == 200


def test_without_a_key_every_request_is_its_own(bob: User, as_alice: Api) -> None:
    body = {"to_user_id": bob.pk, "amount": "1.00"}
    ids = {body_of(as_alice.post(TRANSFER, body))["id"] for _ in range(3)}
    assert len(ids) == 3
    assert not IdempotencyKey.objects.exists()


@pytest.mark.parametrize("key", ["k", "!~#$%&'()*+,-./:;<=>?@[]^_`{|}", "x" * 255])
def test_key_may_be_any_printable_text(key: str, bob: User, as_alice: Api) -> None:
    body = {"to_user_id": bob.pk, "amount": "1.00"}
    first = as_alice.post(TRANSFER, body, key=key)
    assert first.status_code == 201
    assert_replayed(first, as_alice.post(TRANSFER, body, key=key))


@pytest.mark.parametrize(
    "key", ["", "x" * 256, "with space", "tab\there", "café", "nul\x00", "\x7f"], ids=repr
)
def test_bad_key_is_refused_and_stores_nothing(key: str, bob: User, as_alice: Api) -> None:
    before = books()
    body = {"to_user_id": bob.pk, "amount": "1.00"}
    response = as_alice.send("POST", TRANSFER, body, HTTP_IDEMPOTENCY_KEY=key)
    assert_problem(response, 400, "invalid_idempotency_key")
    assert books() == before


def test_request_refused_before_the_books_leaves_its_key_free(bob: User, as_alice: Api) -> None:
    wrong = {"to_user_id": bob.pk, "amount": "1.001"}
    assert_problem(as_alice.post(TRANSFER, wrong, key="k-1"), 400, "invalid_request")
    right = {"to_user_id": bob.pk, "amount": "1.00"}
    response = as_alice.post(TRANSFER, right, key="k-1")
    assert response.status_code == 201
    assert "Idempotent-Replayed" not in response


@pytest.mark.parametrize("who", ["nobody", "oneself"])
def test_refusal_without_a_transaction_is_replayed_byte_for_byte(
    who: str, alice: User, as_alice: Api
) -> None:
    to_user_id = alice.pk if who == "oneself" else 10**9
    asked = {"to_user_id": to_user_id, "amount": "1.00"}
    first = as_alice.post(TRANSFER, asked, key="k")
    again = as_alice.post(TRANSFER, asked, key="k")
    assert first.status_code == 422
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again["Idempotent-Replayed"] == "true"
    other = as_alice.post(TRANSFER, asked | {"amount": "2.00"}, key="k")
    assert_problem(other, 422, "idempotency_key_reused")
