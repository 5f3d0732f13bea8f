"""Rows written in bulk read back as if the ORM had written them."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import AuditLog
from balances.enums import House
from balances.models import Balance
from ledgerlink.rows import dump_json, insert_rows, select_rows
from ledgerlink.snapshot import consistent_snapshot
from ledgerlink.timestamps import rfc3339
from tests.books import amount_of, fund
from tests.concurrency import in_background
from transactions.models import Transaction
from users.models import User

MOMENT = datetime(2026, 2, 28, 23, 59, 59, 999_999, tzinfo=UTC)
ROW: dict[str, Any] = {
    "actor_id": "",
    "actor_name": "alice",
    "action": "x",
    "entity_type": "user",
    "entity_id": "7",
    "details": {},
    "request_id": "",
    "trace_id": "",
    "ip": None,
    "created_at": MOMENT,
}
COLUMNS = tuple(ROW)


def a_row(**changed: Any) -> tuple[Any, ...]:
    return tuple({**ROW, **changed}.values())


@pytest.mark.django_db
@pytest.mark.parametrize(
    "details",
    [
        {},
        {"a": [1, None, True]},
        {"text": "100% 'quoted' \"double\" \\ back\nline %s ä 🐖"},
        {"n": 2**60},
    ],
)
def test_json_is_kept_exactly(details: dict[str, Any]) -> None:
    insert_rows(AuditLog, COLUMNS, [a_row(details=details)])
    assert AuditLog.objects.get().details == details


@pytest.mark.django_db
def test_time_is_kept_to_the_microsecond_from_any_zone() -> None:
    elsewhere = MOMENT.astimezone(timezone(timedelta(hours=5, minutes=45)))
    insert_rows(AuditLog, COLUMNS, [a_row(), a_row(created_at=elsewhere)])
    assert set(AuditLog.objects.values_list("created_at", flat=True)) == {MOMENT}


@pytest.mark.django_db
def test_missing_values_are_null() -> None:
    insert_rows(AuditLog, COLUMNS, [a_row(), a_row(ip="2001:db8::1")])
    assert list(AuditLog.objects.order_by("id").values_list("ip", flat=True)) == [
        None,
        "2001:db8::1",
    ]


@pytest.mark.django_db
def test_keys_and_foreign_keys_are_those_of_the_orm(alice: User) -> None:
    made = fund(alice, "1.00")
    stored = Transaction.objects.get(pk=made.pk)
    assert stored.source == Balance.objects.get(house=House.EXTERNAL)
    assert stored.entries.count() == 2


@pytest.mark.django_db
def test_many_rows_are_few_statements() -> None:
    with CaptureQueriesContext(connection) as captured:
        insert_rows(AuditLog, COLUMNS, (a_row(action=f"a{n}") for n in range(1_500)))
    assert len(captured) <= 1_500 / 100
    assert AuditLog.objects.count() == 1_500
    actions = AuditLog.objects.order_by("id").values_list("action", flat=True)
    assert list(actions) == [f"a{n}" for n in range(1_500)]


@pytest.mark.django_db
def test_rows_longer_than_a_statement_are_kept_in_order() -> None:
    long = [a_row(details={"n": n, "text": "ä'" * 1_000}) for n in range(600)]  # 1.8 MB
    insert_rows(AuditLog, COLUMNS, long)
    kept = AuditLog.objects.order_by("id").values_list("details", flat=True)
    assert list(kept) == [row[COLUMNS.index("details")] for row in long]


@pytest.mark.django_db
def test_nothing_is_written_of_nothing() -> None:
    with CaptureQueriesContext(connection) as captured:
        insert_rows(AuditLog, COLUMNS, [])
    assert len(captured) == 0


def test_json_takes_what_the_orm_takes() -> None:
    assert dump_json({"at": MOMENT, "house": House.FEES}) == (
        '{"at":"2026-02-28T23:59:59.999Z","house":"fees"}'
    )


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (MOMENT, "2026-02-28T23:59:59.999999Z"),
        (datetime(2026, 1, 1, tzinfo=UTC), "2026-01-01T00:00:00.000000Z"),
        (
            datetime(2026, 1, 1, 1, tzinfo=timezone(timedelta(hours=2))),
            "2025-12-31T23:00:00.000000Z",
        ),
    ],
)
def test_time_on_the_wire_is_rfc_3339_in_utc(moment: datetime, text: str) -> None:
    assert rfc3339(moment) == text


@pytest.mark.django_db(transaction=True)
def test_snapshot_stands_still_and_holds_nobody_up(alice: User) -> None:
    fund(alice, "1.00")
    with in_background() as start, consistent_snapshot():
        assert amount_of(alice) == 100
        start(lambda: fund(alice, "1.00")).result()
        assert amount_of(alice) == 100
        assert Transaction.objects.count() == 1
    assert amount_of(alice) == 200


@pytest.mark.django_db(transaction=True)
def test_snapshot_ends_when_its_reader_fails(alice: User) -> None:
    with pytest.raises(ZeroDivisionError), consistent_snapshot():
        _ = Transaction.objects.count() / 0
    fund(alice, "1.00")
    assert amount_of(alice) == 100


@pytest.mark.django_db
def test_snapshot_inside_a_transaction_is_that_transaction(alice: User) -> None:
    with consistent_snapshot():
        fund(alice, "1.00")
        assert amount_of(alice) == 100


@pytest.mark.parametrize(
    ("model", "by"), [(Balance, "id"), (Balance, "user_id"), (Balance, "house"), (User, "id")]
)
def test_selected_rows_are_those_of_values_list(alice: User, model: Any, by: str) -> None:
    fund(alice, "100.00")
    fund(alice, "7", "JPY")
    columns = [field.attname for field in model._meta.concrete_fields]
    found = {*model.objects.exclude(**{by: None}).values_list(by, flat=True)}
    assert found
    expected = model.objects.filter(**{f"{by}__in": found}).order_by("pk").values_list(*columns)
    for _ in range(2):  # the second time with the SQL of the first
        assert select_rows(model, columns, by, found) == list(expected)
    assert select_rows(model, columns, by, []) == []


@pytest.mark.django_db
def test_rows_that_hold_nothing_are_selected_where_they_are_asked_for(alice: User) -> None:
    fund(alice, "100.00")
    owners = [alice.pk, None]  # a house account's balance has no user
    found = Balance.objects.order_by("pk").values_list("user_id", flat=True)
    assert {*found} == {*owners}
    rows = select_rows(Balance, ["user_id"], "user_id", [alice.pk], or_null=True)
    assert [owner for (owner,) in rows] == [*found]
    assert select_rows(Balance, ["user_id"], "user_id", [alice.pk]) == [(alice.pk,)]


def test_locked_rows_are_locked_where_rows_can_be(alice: User) -> None:
    with CaptureQueriesContext(connection) as asked:
        select_rows(User, ["id"], "id", [alice.pk], locked=True)
    assert asked[-1]["sql"].endswith("FOR UPDATE") == connection.features.has_select_for_update
