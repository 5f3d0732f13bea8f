"""GET /balances/statement."""

from typing import Any

import pytest

from balances.models import Balance
from tests.api.client import STATEMENT, Api, assert_problem, body_of
from tests.books import balance_of, deposit, fund, post_one, transfer
from tests.clock import Clock
from transactions.processor import post_directly
from users.models import User

OCTOBER = {"from_": "2026-10-01", "to": "2026-10-31"}


@pytest.fixture
def clock(alice: User, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(monkeypatch, alice.created_at)
    clock.set("2026-09-30 23:59")
    fund(alice, "100.00")
    clock.set("2026-10-02 08:00")
    return clock


@pytest.fixture
def rent(clock: Clock, alice: User, bob: User) -> str:
    """Alice paid rent in October; it is the 22nd of November now."""
    outcome = post_one(transfer(alice, bob, "30.00", description="=Rent", reference="R-1"))
    assert outcome.transaction is not None
    clock.set("2026-11-22 20:00")
    return str(outcome.transaction.pk)


def parts(response: Any) -> list[bytes]:
    return list(response.streaming_content)


def streamed(response: Any) -> bytes:
    return b"".join(parts(response))


def test_statement_is_period_opening_entries_closing_totals(
    rent: str, alice: User, as_alice: Api
) -> None:
    response = as_alice.get(STATEMENT, **OCTOBER)
    assert response["Content-Type"] == "application/json"
    assert response["Cache-Control"] == "private, no-cache"
    assert body_of(response) == {
        "user": {"id": alice.pk, "username": "alice"},
        "currency": "USD",
        "period": {
            "from": "2026-10-01T00:00:00.000000Z",
            "to": "2026-11-01T00:00:00.000000Z",
            "provisional": False,
        },
        "opening": "100.00",
        "entries": [
            {
                "created_at": "2026-10-02T08:00:00.000000Z",
                "effective_at": "2026-10-02T08:00:00.000000Z",
                "type": "transfer",
                "counterparty": "bob",
                "reference": "R-1",
                "description": "=Rent",
                "delta": "-30.00",
                "balance": "70.00",
                "version": 2,
                "transaction_id": rent,
            }
        ],
        "closing": "70.00",
        "totals": {"in": "0.00", "out": "30.00", "count": 1},
    }


def test_month_before_this_one_is_what_nothing_asks_for(rent: str, as_alice: Api) -> None:
    for query in ({}, {"from_": "2026-10-01T00:00:00Z", "to": "2026-11-01T00:00:00Z"}):
        assert as_alice.get(STATEMENT, **query).content == (
            as_alice.get(STATEMENT, **OCTOBER).content
        )


@pytest.mark.parametrize("kind", ["json", "csv", "pdf"])
def test_statement_of_a_period_that_is_over_never_changes(
    kind: str, rent: str, clock: Clock, alice: User, as_alice: Api
) -> None:
    def ask() -> bytes:
        response = as_alice.get(STATEMENT, **OCTOBER, format=kind)
        return streamed(response) if kind == "csv" else response.content

    first = ask()
    clock.set("2027-02-03 04:05:06")
    fund(alice, "5.00")
    assert ask() == first


@pytest.mark.parametrize(
    ("query", "accept", "content_type"),
    [
        ({}, None, "application/json"),
        ({}, "*/*", "application/json"),
        ({}, "text/csv", "text/csv; charset=utf-8"),
        ({}, "application/pdf", "application/pdf"),
        ({}, "application/pdf;q=0.5, text/csv", "text/csv; charset=utf-8"),
        ({"format": "csv"}, "application/json", "text/csv; charset=utf-8"),
        ({"format": "pdf"}, "text/html", "application/pdf"),
        ({"format": "json"}, "application/pdf", "application/json"),
    ],
    ids=str,
)
def test_format_is_named_or_negotiated(
    query: dict[str, str], accept: str | None, content_type: str, rent: str, as_alice: Api
) -> None:
    if accept is not None:
        as_alice.headers["Accept"] = accept
    response = as_alice.get(STATEMENT, **OCTOBER, **query)
    assert response.status_code == 200
    assert response["Content-Type"] == content_type
    assert {"Accept", "Authorization"} <= set(response["Vary"].split(", "))


def test_files_have_a_name(rent: str, clock: Clock, as_alice: Api) -> None:
    def name(**query: str) -> str:
        return as_alice.get(STATEMENT, **query)["Content-Disposition"]

    october = "statement-alice-USD-2026-10-01-2026-10-31"
    assert name(**OCTOBER, format="pdf") == f'attachment; filename="{october}.pdf"'
    assert as_alice.get(STATEMENT, **OCTOBER, format="pdf").content.startswith(b"%PDF-")
    assert name(**OCTOBER, format="csv") == f'attachment; filename="{october}.csv"'
    provisional = "statement-alice-JPY-2026-11-01-2026-11-22-provisional.csv"
    assert name(from_="2026-11-01", currency="JPY", format="csv") == (
        f'attachment; filename="{provisional}"'
    )


def test_csv_is_guarded_against_formulas(rent: str, as_alice: Api) -> None:
    text = streamed(as_alice.get(STATEMENT, **OCTOBER, format="csv")).decode()
    opening, entry, closing = text.splitlines()[1:]
    assert opening.startswith("2026-10-01T00:00:00.000000Z,,opening,,,,USD,,100.00")
    assert ",transfer,bob,R-1,'=Rent,USD,-30.00,70.00,2," in entry
    assert ",closing,,,in 0.00; out 30.00; entries 1,USD,,70.00," in closing


def test_open_period_ends_now_and_is_marked(rent: str, clock: Clock, as_alice: Api) -> None:
    for query in ({"from_": "2026-10-01"}, {"from_": "2026-10-01", "to": "2027-12-31"}):
        body = body_of(as_alice.get(STATEMENT, **query))
        assert body["period"]["to"] == "2026-11-22T20:00:00.000000Z"
        assert body["period"]["provisional"] is True
        assert body["closing"] == "70.00"
        text = streamed(as_alice.get(STATEMENT, **query, format="csv")).decode()
        assert ",closing_provisional," in text


def test_each_sees_their_own_side(rent: str, as_bob: Api) -> None:
    body = body_of(as_bob.get(STATEMENT, **OCTOBER))
    assert (body["opening"], body["closing"]) == ("0.00", "30.00")
    assert [(e["delta"], e["counterparty"]) for e in body["entries"]] == [("30.00", "alice")]


def test_currency_in_which_nothing_moved_has_a_statement_of_zero(rent: str, as_alice: Api) -> None:
    body = body_of(as_alice.get(STATEMENT, **OCTOBER, currency="JPY"))
    assert (body["opening"], body["entries"], body["closing"]) == ("0", [], "0")
    assert as_alice.get(STATEMENT, **OCTOBER, currency="JPY", format="pdf").status_code == 200
    assert not Balance.objects.filter(currency="JPY").exists()


@pytest.mark.parametrize("caller", ["auditor", "finance", "admin"])
def test_statement_of_a_user_is_shown_to_staff(
    caller: str, rent: str, alice: User, as_alice: Api, request: pytest.FixtureRequest
) -> None:
    staff: Api = request.getfixturevalue(f"as_{caller}")
    own = as_alice.get(STATEMENT, **OCTOBER)
    assert staff.get(STATEMENT, **OCTOBER, user_id=alice.pk).content == own.content


def test_statement_of_another_is_forbidden_whether_or_not_they_exist(
    rent: str, alice: User, as_bob: Api
) -> None:
    for user_id in (alice.pk, 10**9):
        for kind in ("json", "csv", "pdf"):
            response = as_bob.get(STATEMENT, **OCTOBER, user_id=user_id, format=kind)
            assert_problem(response, 403, "permission_denied")


def test_statement_of_unknown_user_is_not_found_for_staff(as_auditor: Api) -> None:
    assert_problem(as_auditor.get(STATEMENT, user_id=10**9), 404, "not_found")


def test_statement_needs_a_caller(anonymous: Api) -> None:
    for kind in ("json", "csv", "pdf"):
        assert_problem(anonymous.get(STATEMENT, format=kind), 401, "not_authenticated")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"format": "xml"}, "format"),
        ({"format": "api"}, "format"),
        ({"currency": "XYZ"}, "currency"),
        ({"from_": "2026-02-30"}, "from"),
        ({"from_": "October"}, "from"),
        ({"to": "2026-10-01T25:00:00Z", "from_": "2026-10-01"}, "to"),
        ({"month": "10"}, "month"),
    ],
    ids=str,
)
def test_statement_refuses_bad_query(query: dict[str, str], field: str, as_alice: Api) -> None:
    for accept in ("application/json", "application/pdf"):
        as_alice.headers["Accept"] = accept
        problem = assert_problem(as_alice.get(STATEMENT, **query), 400, "invalid_request")
        assert list(problem["errors"]) == [field]


@pytest.mark.parametrize(
    "query",
    [
        {"to": "2026-10-31"},
        {"from_": "2026-10-02", "to": "2026-10-01"},
        {"from_": "2026-10-02T00:00:00Z", "to": "2026-10-02T00:00:00Z"},
        {"from_": "9999-12-31", "to": "9999-12-31"},
    ],
    ids=str,
)
def test_period_that_makes_no_sense_is_refused(
    query: dict[str, str], rent: str, as_alice: Api
) -> None:
    assert_problem(as_alice.get(STATEMENT, **query), 400, "invalid_period")


def test_all_of_time_is_a_period(rent: str, as_alice: Api) -> None:
    body = body_of(as_alice.get(STATEMENT, from_="0001-01-01", to="9999-12-31"))
    assert body["totals"] == {"in": "100.00", "out": "30.00", "count": 2}


def test_statement_with_too_many_entries_is_for_csv(
    clock: Clock, alice: User, as_alice: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balances.statement_files.MAX_ENTRIES", 500)
    post_directly([deposit(alice, "1.00") for _ in range(501)])
    clock.set("2026-11-22 20:00")
    for kind in ("json", "pdf"):
        response = as_alice.get(STATEMENT, **OCTOBER, format=kind)
        assert_problem(response, 422, "statement_too_long")
    sent = parts(as_alice.get(STATEMENT, **OCTOBER, format="csv"))
    assert max(part.count(b"\r\n") for part in sent) == 200
    lines = b"".join(sent).decode().splitlines()
    assert len(lines) == 1 + 1 + 501 + 1
    assert ",601.00," in lines[-1]
    assert balance_of(alice).amount == 60100
    monkeypatch.setattr("balances.statement_files.MAX_ENTRIES", 501)
    assert body_of(as_alice.get(STATEMENT, **OCTOBER))["totals"]["count"] == 501
