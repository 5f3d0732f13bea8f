"""GET /balances/current."""

import pytest
from django.conf import settings
from django.db import connection
from django.test.utils import CaptureQueriesContext

from balances.models import Balance
from tests.api.client import (
    CURRENT,
    TRANSFER,
    Api,
    assert_problem,
    body_of,
    change_balance,
    wire_balance,
    wire_time,
)
from tests.books import balance_of, fund, post_one, transfer
from users.models import User


def test_current_shows_each_currency_in_order(alice: User, as_alice: Api) -> None:
    fund(alice, "100.50")
    fund(alice, "500", "JPY")
    fund(alice, "1.005", "BHD")
    zero = {"BHD": "0.000", "JPY": "0", "USD": "0.00"}
    amounts = {"BHD": "1.005", "JPY": "500", "USD": "100.50"}
    response = as_alice.get(CURRENT)
    assert response.status_code == 200
    assert response["Content-Type"] == "application/json"
    assert body_of(response) == {
        "user_id": alice.pk,
        "balances": [
            wire_balance(balance_of(alice, currency), amounts[currency], 1, held=zero[currency])
            for currency in ("BHD", "JPY", "USD")
        ],
    }


def test_current_of_one_currency_is_that_balance(alice: User, as_alice: Api) -> None:
    fund(alice, "100.50")
    fund(alice, "500", "JPY")
    expected = wire_balance(balance_of(alice, "JPY"), "500", 1, held="0")
    assert body_of(as_alice.get(CURRENT, currency="JPY")) == expected


def test_current_where_nothing_ever_moved_is_zero_with_version_zero(
    alice: User, as_alice: Api
) -> None:
    def zero(currency: str, amount: str) -> object:
        return {
            "currency": currency,
            "amount": amount,
            "held": amount,
            "available": amount,
            "version": 0,
            "status": "active",
            "updated_at": wire_time(alice.created_at),
        }

    assert body_of(as_alice.get(CURRENT)) == {
        "user_id": alice.pk,
        "balances": [zero("USD", "0.00")],
    }
    assert body_of(as_alice.get(CURRENT, currency="JPY")) == zero("JPY", "0")
    assert not Balance.objects.filter(user=alice).exists()


def test_current_shows_held_overdraft_and_status(alice: User, as_alice: Api) -> None:
    fund(alice, "100.00")
    change_balance(alice, held=3000, overdraft_limit=500, status="debits_frozen")
    expected = wire_balance(
        balance_of(alice),
        "100.00",
        2,
        held="30.00",
        available="75.00",
        status="debits_frozen",
    )
    assert body_of(as_alice.get(CURRENT, currency="USD")) == expected


def test_current_is_never_older_than_the_last_answer(
    alice: User, bob: User, as_alice: Api, as_bob: Api
) -> None:
    fund(alice, "100.00")
    for expected in range(2, 6):
        as_bob.get(CURRENT)  # a poller that fills the cache between two transfers
        as_alice.get(CURRENT)
        answer = as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": "20.00"})
        balance = body_of(answer)["balance"]
        assert balance["version"] == expected
        assert body_of(as_alice.get(CURRENT, currency="USD")) == balance
        received = body_of(as_bob.get(CURRENT, currency="USD"))
        assert received["version"] == expected - 1
    assert (balance["amount"], received["amount"]) == ("20.00", "80.00")


@pytest.mark.parametrize("caller", ["auditor", "finance", "admin"])
def test_current_of_a_user_is_shown_to_staff(
    caller: str, alice: User, request: pytest.FixtureRequest
) -> None:
    fund(alice, "1.00")
    response = request.getfixturevalue(f"as_{caller}").get(CURRENT, user_id=alice.pk)
    balance = wire_balance(balance_of(alice), "1.00", 1)
    assert body_of(response) == {"user_id": alice.pk, "balances": [balance]}


def test_current_of_unknown_user_is_not_found_for_staff(as_auditor: Api) -> None:
    assert_problem(as_auditor.get(CURRENT, user_id=10**9), 404, "not_found")


def test_current_of_another_is_forbidden_whether_or_not_they_exist(
    alice: User, as_bob: Api
) -> None:
    bodies = []
    for user_id in (alice.pk, 10**9):
        problem = assert_problem(as_bob.get(CURRENT, user_id=user_id), 403, "permission_denied")
        del problem["request_id"]
        bodies.append(problem)
    assert bodies[0] == bodies[1]


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"currency": "XYZ"}, "currency", "unknown_currency"),
        ({"currency": "usd"}, "currency", "unknown_currency"),
        ({"currency": "DOLLARS-AND-CENTS"}, "currency", "unknown_currency"),
        ({"user_id": "alice"}, "user_id", "invalid"),
        ({"user_id": "-1"}, "user_id", "min_value"),
        ({"colour": "red"}, "colour", "unknown_field"),
    ],
    ids=str,
)
def test_current_refuses_bad_query(
    query: dict[str, str], field: str, code: str, as_alice: Api
) -> None:
    problem = assert_problem(as_alice.get(CURRENT, **query), 400, "invalid_request")
    assert [e["code"] for e in problem["errors"][field]] == [code]


def test_current_is_read_from_the_cache_the_second_time(alice: User, as_alice: Api) -> None:
    fund(alice, "1.00")
    first = as_alice.get(CURRENT)
    with CaptureQueriesContext(connection) as queries:
        second = as_alice.get(CURRENT)
    assert second.content == first.content
    assert len(queries) == (0 if settings.REDIS_HOST else 1)  # nothing is cached without Redis


def test_current_does_not_list_what_a_strangers_refused_transfer_opened(
    alice: User, charlie: User, as_alice: Api
) -> None:
    fund(alice, "1.00")
    for currency in ("EUR", "JPY", "CHF"):
        assert post_one(transfer(charlie, alice, "1", currency)).error is not None
    balance = wire_balance(balance_of(alice), "1.00", 1)
    assert body_of(as_alice.get(CURRENT)) == {"user_id": alice.pk, "balances": [balance]}
