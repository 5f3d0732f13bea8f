"""GET /balances/history."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from balances.models import BalanceHistory
from tests.api.client import HISTORY, Api, assert_problem, body_of, wire_time
from tests.books import fund, post_one, transfer, withdrawal
from tests.clock import Clock
from users.models import User


@pytest.fixture
def moved(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    post_one(transfer(alice, bob, "30.00"))
    post_one(withdrawal(alice, "500.00"))
    post_one(transfer(bob, alice, "1.25"))
    fund(alice, "500", "JPY")


def wire_entries(user: User, steps: list[tuple[str, str, str, str]]) -> list[Any]:
    """`steps` are (currency, delta, before, after) as they happened; the newest comes first."""
    rows = BalanceHistory.objects.filter(balance__user=user).order_by("pk")
    return [
        {
            "id": row.pk,
            "transaction_id": str(row.transaction_id),
            "currency": currency,
            "delta": delta,
            "before": before,
            "after": after,
            "version": row.version,
            "created_at": wire_time(row.created_at),
        }
        for row, (currency, delta, before, after) in zip(rows, steps, strict=True)
    ][::-1]


ALICES = [
    ("USD", "100.00", "0.00", "100.00"),
    ("USD", "-30.00", "100.00", "70.00"),
    ("USD", "1.25", "70.00", "71.25"),
    ("JPY", "500", "0", "500"),
]


def test_history_shows_own_entries_newest_first(moved: None, alice: User, as_alice: Api) -> None:
    response = as_alice.get(HISTORY)
    assert response.status_code == 200
    expected = wire_entries(alice, ALICES)
    assert body_of(response) == {"next": None, "previous": None, "results": expected}
    assert [entry["version"] for entry in expected] == [1, 3, 2, 1]


def test_history_is_empty_where_nothing_moved(as_alice: Api) -> None:
    assert body_of(as_alice.get(HISTORY)) == {"next": None, "previous": None, "results": []}


def test_history_of_one_currency(moved: None, alice: User, as_alice: Api) -> None:
    yen, *dollars = wire_entries(alice, ALICES)
    assert body_of(as_alice.get(HISTORY, currency="JPY"))["results"] == [yen]
    assert body_of(as_alice.get(HISTORY, currency="USD"))["results"] == dollars
    assert body_of(as_alice.get(HISTORY, currency="EUR"))["results"] == []


def test_history_of_a_period_with_the_start_and_without_the_end(
    moved: None, alice: User, as_alice: Api
) -> None:
    _yen, newest, middle, _oldest = wire_entries(alice, ALICES)
    period = {"from_": middle["created_at"], "to": newest["created_at"]}
    assert body_of(as_alice.get(HISTORY, **period))["results"] == [middle]


def test_history_of_one_transaction_shows_only_own_side(
    moved: None, alice: User, bob: User, as_alice: Api, as_bob: Api
) -> None:
    sent = wire_entries(alice, ALICES)[2]
    query = {"transaction_id": sent["transaction_id"]}
    assert body_of(as_alice.get(HISTORY, **query))["results"] == [sent]
    (received,) = body_of(as_bob.get(HISTORY, **query))["results"]
    assert (received["delta"], received["before"], received["after"]) == ("30.00", "0.00", "30.00")


@pytest.mark.parametrize("caller", ["auditor", "finance", "admin"])
def test_history_of_a_user_is_shown_to_staff(
    caller: str, moved: None, alice: User, request: pytest.FixtureRequest
) -> None:
    response = request.getfixturevalue(f"as_{caller}").get(HISTORY, user_id=alice.pk)
    assert body_of(response)["results"] == wire_entries(alice, ALICES)


def test_history_of_another_is_forbidden(moved: None, alice: User, as_bob: Api) -> None:
    for user_id in (alice.pk, 10**9):
        assert_problem(as_bob.get(HISTORY, user_id=user_id), 403, "permission_denied")


def test_history_of_unknown_user_is_not_found_for_staff(as_auditor: Api) -> None:
    assert_problem(as_auditor.get(HISTORY, user_id=10**9), 404, "not_found")


@pytest.mark.parametrize(
    ("query", "field", "code"),
    [
        ({"currency": "XYZ"}, "currency", "unknown_currency"),
        ({"transaction_id": "17"}, "transaction_id", "invalid"),
        ({"from_": "2026"}, "from", "not_rfc3339"),
        ({"to": "2026-01-31"}, "to", "not_rfc3339"),
        ({"user_id": "9" * 40}, "user_id", "max_value"),
        ({"limit": "10"}, "limit", "unknown_field"),
    ],
    ids=str,
)
def test_history_refuses_bad_query(
    query: dict[str, str], field: str, code: str, as_alice: Api
) -> None:
    problem = assert_problem(as_alice.get(HISTORY, **query), 400, "invalid_request")
    assert [e["code"] for e in problem["errors"][field]] == [code]


def test_history_is_bounded_to_a_page(alice: User, as_alice: Api) -> None:
    for _ in range(60):
        fund(alice, "1.00")
    assert len(body_of(as_alice.get(HISTORY))["results"]) == 50


def test_history_queries_do_not_grow_with_the_page(alice: User, as_alice: Api) -> None:
    def count() -> int:
        with CaptureQueriesContext(connection) as queries:
            assert as_alice.get(HISTORY).status_code == 200
        return len(queries)

    fund(alice, "1.00")
    as_alice.get(HISTORY)
    before = count()
    for _ in range(20):
        fund(alice, "1.00")
    assert count() == before


def test_history_of_a_period_is_paged_both_ways(
    alice: User, bob: User, as_alice: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock(monkeypatch, alice.created_at)
    for day in range(1, 21):
        clock.set(f"2026-10-{day:02} 12:00")
        fund(alice, "1", "JPY" if day % 3 == 0 else "USD")
    period = {"from_": "2026-10-05T12:00:00Z", "to": "2026-10-17T12:00:00Z"}
    whole = body_of(as_alice.get(HISTORY, **period))["results"]
    assert [row["created_at"][8:10] for row in whole] == [f"{day:02}" for day in range(16, 4, -1)]
    page = body_of(as_alice.get(HISTORY, **period, page_size=5))
    pages = [page]
    while page["next"]:
        page = body_of(as_alice.get(page["next"]))
        pages.append(page)
    assert [row for page in pages for row in page["results"]] == whole
    for earlier in pages[-2::-1]:
        page = body_of(as_alice.get(page["previous"]))
        assert page["results"] == earlier["results"]
    assert page["previous"] is None


@pytest.mark.parametrize(
    "period",
    [
        {"from_": "9999-12-31T23:59:59.999999Z"},
        {"to": "0001-01-01T00:00:00Z"},
        {"from_": "2026-10-02T00:00:00Z", "to": "2026-10-01T00:00:00Z"},
    ],
    ids=str,
)
def test_history_of_a_period_without_entries_is_empty(
    period: dict[str, str], moved: None, as_alice: Api
) -> None:
    assert body_of(as_alice.get(HISTORY, **period)) == {
        "next": None,
        "previous": None,
        "results": [],
    }


def test_history_of_one_transaction_of_a_period(moved: None, alice: User, as_alice: Api) -> None:
    sent = wire_entries(alice, ALICES)[2]
    query = {"transaction_id": sent["transaction_id"]}
    for bound, found in (({"from_": sent["created_at"]}, [sent]), ({"to": sent["created_at"]}, [])):
        assert body_of(as_alice.get(HISTORY, **query, **bound))["results"] == found
