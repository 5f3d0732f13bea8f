"""GET /transactions."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.api.client import (
    TRANSACTIONS,
    Api,
    assert_problem,
    body_of,
    wire_party,
    wire_time,
)
from tests.books import deposit, fund, post_one, reverse, transfer, withdrawal
from transactions import queries
from transactions.instructions import Instruction
from transactions.models import Transaction
from transactions.queries import transaction_streams
from users.models import User

Made = dict[str, Transaction]


def post(instruction: Instruction) -> Transaction:
    made = post_one(instruction).transaction
    assert made is not None
    return made


@pytest.fixture
def made(alice: User, bob: User, charlie: User) -> Made:
    """One of each kind, oldest first, with Alice in all but the last two."""
    return {
        "deposit": post(deposit(alice, "100.00", reference="D-1")),
        "sent": post(transfer(alice, bob, "10.00", reference="T-1")),
        "received": post(transfer(bob, alice, "2.50", reference="T-2")),
        "withdrawal": post(withdrawal(alice, "20.00")),
        "refused": post(transfer(alice, charlie, "999.00")),
        "refused to her": post(transfer(bob, alice, "999.00")),
        "yen": post(deposit(alice, "500", "JPY")),
        "strangers": post(deposit(charlie, "1.00")),
        "between others": post(transfer(bob, charlie, "1.00")),
    }


def names(made: Made, response: Any) -> list[str]:
    """The names of the transactions in a page, in its order."""
    assert response.status_code == 200, response.content
    by_id = {str(t.pk): name for name, t in made.items()}
    return [by_id[result["id"]] for result in body_of(response)["results"]]


HERS = ["yen", "refused", "withdrawal", "received", "sent", "deposit"]


def test_list_shows_own_newest_first(made: Made, as_alice: Api) -> None:
    response = as_alice.get(TRANSACTIONS)
    assert names(made, response) == HERS
    assert set(body_of(response)) == {"next", "previous", "results"}
    assert (body_of(response)["next"], body_of(response)["previous"]) == (None, None)


def test_list_item_is_a_transaction_without_balance(
    made: Made, alice: User, bob: User, as_alice: Api
) -> None:
    t = made["sent"]
    at = wire_time(t.created_at)
    item = {
        "id": str(t.pk),
        "type": "transfer",
        "status": "completed",
        "amount": "10.00",
        "authorized_amount": None,
        "reversed_amount": "0.00",
        "currency": "USD",
        "from_user": wire_party(alice),
        "to_user": wire_party(bob),
        "description": "",
        "reference": "T-1",
        "metadata": {},
        "failure_code": None,
        "reverses": None,
        "expires_at": None,
        "effective_at": at,
        "created_at": at,
        "completed_at": at,
    }
    page = {"next": None, "previous": None, "results": [item]}
    assert body_of(as_alice.get(TRANSACTIONS, reference="T-1")) == page


def test_list_is_empty_without_transactions(as_alice: Api) -> None:
    assert body_of(as_alice.get(TRANSACTIONS)) == {"next": None, "previous": None, "results": []}


def test_list_hides_from_receiver_what_was_refused(made: Made, as_bob: Api) -> None:
    assert names(made, as_bob.get(TRANSACTIONS)) == [
        "between others",
        "refused to her",
        "received",
        "sent",
    ]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"type": "transfer"}, ["refused", "received", "sent"]),
        ({"type": "reversal"}, []),
        ({"status": "failed"}, ["refused"]),
        ({"currency": "JPY"}, ["yen"]),
        ({"currency": "EUR"}, []),
        ({"direction": "in"}, ["yen", "received", "deposit"]),
        ({"direction": "out"}, ["refused", "withdrawal", "sent"]),
        ({"reference": "T-2"}, ["received"]),
        ({"reference": "T"}, []),
        ({"currency": "USD", "min_amount": "20"}, ["refused", "withdrawal", "deposit"]),
        ({"currency": "USD", "max_amount": "10.00"}, ["received", "sent"]),
        ({"currency": "USD", "min_amount": "10", "max_amount": "20"}, ["withdrawal", "sent"]),
        ({"type": "deposit", "currency": "USD", "direction": "in"}, ["deposit"]),
    ],
    ids=str,
)
def test_list_filters(
    query: dict[str, str], expected: list[str], made: Made, as_alice: Api
) -> None:
    assert names(made, as_alice.get(TRANSACTIONS, **query)) == expected


@pytest.mark.parametrize("other", ["inv-é1", "INV-e1", "inv-e1 ", "inv"])
def test_list_tells_references_apart_by_each_character(
    other: str, alice: User, as_alice: Api, as_auditor: Api
) -> None:
    asked = post(deposit(alice, "1.00", reference="inv-e1"))
    post(deposit(alice, "1.00", reference=other))
    for api in (as_alice, as_auditor):
        page = body_of(api.get(TRANSACTIONS, reference="inv-e1"))
        assert [t["id"] for t in page["results"]] == [str(asked.pk)]


@pytest.mark.parametrize("few", [0, 1, 2])
def test_reference_of_many_is_found_as_well(
    few: int, made: Made, alice: User, as_alice: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(queries, "FEW", few)
    made["again"] = post(deposit(alice, "1.00", reference="T-1"))
    assert names(made, as_alice.get(TRANSACTIONS, reference="T-1")) == ["again", "sent"]


def test_reference_is_looked_up_in_its_index(alice: User) -> None:
    fund(alice, "1.00")
    with CaptureQueriesContext(connection) as asked:
        transaction_streams(alice.pk, {"reference": "inv-1"})
    (named,) = [query["sql"] for query in asked if "inv-1" in query["sql"]]
    with connection.cursor() as cursor:
        explain = "EXPLAIN QUERY PLAN" if connection.vendor == "sqlite" else "EXPLAIN"
        cursor.execute(f"{explain} {named}")
        assert "transaction_by_reference" in str(cursor.fetchall())


def test_list_filters_by_counterparty(
    made: Made, bob: User, charlie: User, as_alice: Api, as_auditor: Api
) -> None:
    assert names(made, as_alice.get(TRANSACTIONS, counterparty=bob.pk)) == ["received", "sent"]
    assert names(made, as_alice.get(TRANSACTIONS, counterparty=charlie.pk)) == ["refused"]
    both = {"user_id": charlie.pk, "counterparty": bob.pk}
    assert names(made, as_auditor.get(TRANSACTIONS, **both)) == ["between others"]


def test_list_filters_by_time_with_the_start_and_without_the_end(made: Made, as_alice: Api) -> None:
    start = wire_time(made["sent"].created_at)
    end = wire_time(made["withdrawal"].created_at)
    between = as_alice.get(TRANSACTIONS, from_=start, to=end)
    assert names(made, between) == ["received", "sent"]


@pytest.mark.parametrize("caller", ["auditor", "finance", "admin"])
def test_list_shows_staff_everything_or_one_users(
    caller: str, made: Made, alice: User, request: pytest.FixtureRequest
) -> None:
    api: Api = request.getfixturevalue(f"as_{caller}")
    assert names(made, api.get(TRANSACTIONS)) == list(reversed(made))
    assert names(made, api.get(TRANSACTIONS, user_id=alice.pk)) == HERS


def test_list_of_another_is_forbidden(made: Made, alice: User, as_charlie: Api) -> None:
    for user_id in (alice.pk, 10**9):
        response = as_charlie.get(TRANSACTIONS, user_id=user_id)
        assert_problem(response, 403, "permission_denied")


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"type": "gift"}, "type", "invalid_choice"),
        ({"status": "COMPLETED"}, "status", "invalid_choice"),
        ({"direction": "both"}, "direction", "invalid_choice"),
        ({"currency": "usd"}, "currency", "unknown_currency"),
        ({"counterparty": "bob"}, "counterparty", "invalid"),
        ({"user_id": "0"}, "user_id", "min_value"),
        ({"user_id": "99999999999999999999"}, "user_id", "max_value"),
        ({"min_amount": "1.00"}, "currency", "required"),
        ({"currency": "USD", "min_amount": "1.001"}, "min_amount", "too_many_decimals"),
        ({"currency": "USD", "max_amount": "NaN"}, "max_amount", "invalid_amount"),
        ({"from_": "yesterday"}, "from", "not_rfc3339"),
        ({"to": "2026-01-31"}, "to", "not_rfc3339"),
        ({"from_": "2026-01-31T00:00:00"}, "from", "not_rfc3339"),
        ({"to": "2026-13-01T00:00:00Z"}, "to", "invalid"),
        ({"from_": "0001-01-01T00:00:00+14:00"}, "from", "overflow"),
        ({"colour": "red"}, "colour", "unknown_field"),
        ({"type": ["deposit", "transfer"]}, "type", "repeated"),
        ({"reference": "x" * 101}, "reference", "max_length"),
        ({"reference": "a\x00b"}, "reference", "null_characters_not_allowed"),
    ],
    ids=str,
)
def test_list_refuses_bad_filter(
    query: dict[str, Any], field: str, code: str, as_alice: Api
) -> None:
    problem = assert_problem(as_alice.get(TRANSACTIONS, **query), 400, "invalid_request")
    assert [e["code"] for e in problem["errors"][field]] == [code]


def queries_of_page(api: Api) -> int:
    with CaptureQueriesContext(connection) as queries:
        assert api.get(TRANSACTIONS).status_code == 200
    return len(queries)


def test_list_queries_do_not_grow_with_the_page(
    alice: User, bob: User, charlie: User, as_alice: Api, as_auditor: Api
) -> None:
    fund(alice, "100.00")
    post(transfer(alice, bob, "1.00"))
    apis = [as_alice, as_auditor]
    for api in apis:
        api.get(TRANSACTIONS)  # the caller is read from the database once in five seconds
    before = [queries_of_page(api) for api in apis]
    for _ in range(10):
        post(transfer(alice, bob, "1.00"))
        post(transfer(alice, charlie, "1.00"))
        post(transfer(bob, alice, "0.50"))
    assert [queries_of_page(api) for api in apis] == before


def test_direction_needs_somebody_for_staff(made: Made, alice: User, as_auditor: Api) -> None:
    problem = assert_problem(as_auditor.get(TRANSACTIONS, direction="out"), 400, "invalid_request")
    assert list(problem["errors"]) == ["user_id"]
    hers = as_auditor.get(TRANSACTIONS, direction="out", user_id=alice.pk)
    assert names(made, hers) == ["refused", "withdrawal", "sent"]


def test_reversals_of_a_transaction_are_found(made: Made, as_alice: Api, as_auditor: Api) -> None:
    back = post_one(reverse(made["sent"], "1.00")).transaction
    assert back is not None
    for api in (as_alice, as_auditor):
        page = body_of(api.get(TRANSACTIONS, reverses=made["sent"].pk))
        assert [row["id"] for row in page["results"]] == [str(back.pk)]
