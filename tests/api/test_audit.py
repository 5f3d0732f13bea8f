"""The audit trail over the API: who did what, found by each of its sides."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from audit.models import AuditLog, Seal
from audit.sealing import seal_trail
from tests.api.client import API, TRANSFER, Api, assert_problem, body_of, wire_time
from tests.books import SYSTEM, fund
from users import accounts
from users.models import User

AUDIT = f"{API}/audit"


@pytest.fixture
def paid(alice: User, bob: User, as_alice: Api) -> AuditLog:
    """The record of Alice's payment to Bob."""
    fund(alice, "10.00")
    body = {"to_user_id": bob.pk, "amount": "2.50", "reference": "inv-1"}
    response = as_alice.send("POST", TRANSFER, body, headers={"X-Request-ID": "req-42"})
    return AuditLog.objects.get(entity_id=body_of(response)["id"])


def test_record_tells_who_did_what_and_in_which_request(
    paid: AuditLog, alice: User, as_auditor: Api
) -> None:
    (record,) = body_of(as_auditor.get(AUDIT, request_id="req-42"))["results"]
    assert record == {
        "id": paid.pk,
        "actor": {"id": alice.pk, "name": "alice"},
        "action": "transaction.completed",
        "entity_type": "transaction",
        "entity_id": paid.entity_id,
        "details": {
            "type": "transfer",
            "amount": "2.50",
            "currency": "USD",
            "from": "alice",
            "to": "bob",
            "reference": "inv-1",
        },
        "request_id": "req-42",
        "trace_id": paid.trace_id,
        "ip": "127.0.0.1",
        "created_at": wire_time(paid.created_at),
    }


def found(api: Api, **query: object) -> list[int]:
    response = api.get(AUDIT, **query)
    assert response.status_code == 200, response.content
    return [record["id"] for record in body_of(response)["results"]]


@pytest.mark.parametrize(
    "query",
    [
        {"request_id": "REQ-42"},
        {"action": "Transaction.completed"},
    ],
    ids=str,
)
def test_trail_tells_capitals_apart(query: dict[str, str], paid: AuditLog, as_finance: Api) -> None:
    assert found(as_finance, **query) == []


def test_trail_is_found_by_each_of_its_sides(paid: AuditLog, alice: User, as_finance: Api) -> None:
    every = found(as_finance)
    assert len(every) == 2  # the funding of Alice and her payment, newest first
    assert every[0] == paid.pk
    for query in (
        {"actor": alice.pk},
        {"entity_type": "transaction", "entity_id": paid.entity_id},
        {"request_id": "req-42"},
        {"from_": wire_time(paid.created_at)},
    ):
        assert found(as_finance, **query) == [paid.pk]
    assert found(as_finance, to=wire_time(paid.created_at)) == every[1:]
    assert found(as_finance, actor="system") == every[1:]
    assert found(as_finance, action="transaction.completed") == every
    assert found(as_finance, action="transaction.failed") == []
    assert found(as_finance, from_=wire_time(timezone.now() + timedelta(hours=1))) == []


def test_trail_pages_without_gap_or_repetition(
    paid: AuditLog, alice: User, as_auditor: Api
) -> None:
    for number in range(3):
        accounts.update_user(
            user_id=alice.pk, changes={"email": f"alice{number}@example.com"}, by=SYSTEM
        )
    first = body_of(as_auditor.get(AUDIT, page_size=2))
    second = body_of(as_auditor.get(first["next"]))
    third = body_of(as_auditor.get(second["next"]))
    pages = [[record["id"] for record in page["results"]] for page in (first, second, third)]
    assert [pk for page in pages for pk in page] == found(as_auditor)
    assert [len(page) for page in pages] == [2, 2, 1]
    assert third["next"] is None
    assert body_of(as_auditor.get(third["previous"]))["results"] == second["results"]


def test_system_is_an_actor_without_id(paid: AuditLog, as_admin: Api) -> None:
    (record,) = body_of(as_admin.get(AUDIT, actor="system"))["results"]
    assert record["actor"] == {"id": None, "name": SYSTEM.name}


def test_users_learn_nothing_of_the_trail(as_alice: Api) -> None:
    assert_problem(as_alice.get(AUDIT), 403, "permission_denied")
    assert_problem(as_alice.get(AUDIT, actor="nonsense"), 403, "permission_denied")


def test_kind_of_thing_that_is_none_is_answered_with_those_there_are(as_auditor: Api) -> None:
    problem = assert_problem(as_auditor.get(AUDIT, entity_type="foo"), 400, "invalid_request")
    (error,) = problem["errors"]["entity_type"]
    kinds = "api_key, approval, balance, limit, list, transaction, user"
    assert error == {"code": "invalid_choice", "detail": f"Give one of: {kinds}."}


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ({"actor": "alice"}, "actor"),
        ({"actor": "01"}, "actor"),
        ({"actor": "9" * 30}, "actor"),
        ({"actor": "\u0661"}, "actor"),
        ({"entity_type": "TRANSACTION"}, "entity_type"),
        ({"entity_id": "x" * 65}, "entity_id"),
        ({"request_id": ""}, "request_id"),
        ({"from": "yesterday"}, "from"),
        ({"whatever": "1"}, "whatever"),
        ({"action": "a\x00b"}, "action"),
    ],
)
def test_bad_filters_are_named(as_auditor: Api, query: dict[str, str], field: str) -> None:
    problem = assert_problem(as_auditor.get(AUDIT, **query), 400, "invalid_request")
    assert list(problem["errors"]) == [field]


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE"])
def test_trail_can_only_be_read(as_admin: Api, method: str) -> None:
    assert_problem(as_admin.send(method, AUDIT, {}), 405, "method_not_allowed")


def test_seals_are_answered_to_those_who_keep_them(paid: AuditLog, as_auditor: Api) -> None:
    seal_trail(settled=timedelta(0))
    seal = Seal.objects.get()
    (answered,) = body_of(as_auditor.get(f"{AUDIT}/seals"))["results"]
    assert answered == {
        "number": 1,
        "first_id": seal.first_id,
        "last_id": paid.pk,
        "count": 2,
        "records_hash": seal.records_hash,
        "previous_hash": "0" * 64,
        "hash": seal.hash,
        "sealed_at": wire_time(seal.sealed_at),
        "sealed_by": seal.sealed_by,
    }


@pytest.mark.parametrize(
    ("period", "months"),
    [
        (("0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"), [1, 2, 3]),
        (("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z"), [2]),
        (("2026-02-01T00:00:00.000001Z", "2026-02-15T00:00:00Z"), []),
        (("2026-03-01T00:00:00Z", "2026-09-01T00:00:00Z"), [3]),
        (("2026-09-01T00:00:00Z", "2026-10-01T00:00:00Z"), []),
    ],
)
def test_records_of_a_period_are_found_wherever_they_are(
    period: tuple[str, str], months: list[int], as_auditor: Api
) -> None:
    AuditLog.objects.bulk_create(
        AuditLog(
            actor_name="clerk",
            action="user.created",
            entity_type="user",
            entity_id=str(month),
            created_at=datetime(2026, month, 1, tzinfo=UTC),
        )
        for month in (1, 2, 3)
    )
    start, end = period
    page = as_auditor.get(AUDIT, **{"from": start, "to": end})
    mine = [row["entity_id"] for row in body_of(page)["results"] if row["actor"]["name"] == "clerk"]
    assert mine == [str(month) for month in reversed(months)]
