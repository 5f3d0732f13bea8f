"""Exports of the back-office's lists: all that is listed, exactly, and with a trace."""

import codecs
import csv
import io
import zipfile
from datetime import datetime
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client

from audit.models import AuditLog
from balances.models import Balance, BalanceHistory
from ledgerlink import long_lists, spreadsheets, walks
from ledgerlink.spreadsheets import text_cell
from tests.back_office import address, folder_of, one_of_each, sign_in
from tests.books import deposit, fund, post_one, transfer
from tests.spreadsheets import cells
from transactions.models import IdempotencyKey, Transaction, TransactionLimit
from users.models import ApiKey, User

EXPORTED = (
    Transaction, Balance, BalanceHistory, User, AuditLog, IdempotencyKey, TransactionLimit, ApiKey,
)  # fmt: skip
FORMULA = '=HYPERLINK("http://example.com","x")'
EPOCH_OF_EXCEL = datetime(1899, 12, 30)  # noqa: DTZ001 - a workbook knows no time zones
HUGE = "1234567890123456.78"  # more digits than a spreadsheet's number keeps


def path_of_export(model: Any, kind: str) -> str:
    return f"/admin/{folder_of(model)}export.{kind}"


def export(client: Client, model: Any, kind: str, **query: str) -> bytes:
    response = client.get(path_of_export(model, kind), query)
    assert response.status_code == 200
    assert response["Content-Disposition"].endswith(f'.{kind}"')
    assert "no-store" in response["Cache-Control"]
    return b"".join(response.streaming_content)  # type: ignore[attr-defined] # streaming


def lines(content: bytes) -> list[dict[str, str]]:
    assert content.startswith(codecs.BOM_UTF8)
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"), newline="")))


@pytest.fixture
def books(alice: User, bob: User) -> None:
    one_of_each(alice, bob)


@pytest.mark.parametrize("model", EXPORTED)
def test_each_list_is_exported_with_all_its_rows(books: None, model: Any) -> None:
    client = sign_in("admin")
    count = model.objects.count()
    found = lines(export(client, model, "csv"))
    rows = cells(export(client, model, "xlsx"))
    more = 2 * (model is AuditLog)  # the first export is in the trail when the second begins
    assert (len(found), len(rows) - 1) == (count + more // 2, count + more + more // 2)
    assert [text for _, text in rows[0].values()] == list(found[0])


def test_amounts_are_numbers_with_all_their_decimals(alice: User) -> None:
    for amount, currency in (("1234.50", "USD"), ("5000", "JPY"), ("7.250", "BHD"), (HUGE, "EUR")):
        fund(alice, amount, currency)
    client = sign_in("auditor")
    rows = lines(export(client, Transaction, "csv"))
    found = [(row["Amount"], row["Currency"]) for row in rows]
    assert found == [(HUGE, "EUR"), ("7.250", "BHD"), ("5000", "JPY"), ("1234.50", "USD")]
    entries = lines(export(client, BalanceHistory, "csv", party="house:external", currency="USD"))
    assert [(row["Change"], row["After"]) for row in entries] == [("-1234.50", "-1234.50")]

    _head, *in_excel = cells(export(client, Transaction, "xlsx"))
    (kind, huge), *others = [row["E"] for row in in_excel]
    assert (kind, huge) == ("inlineStr", HUGE)
    assert [(kind, Decimal(text)) for kind, text in others] == [
        ("n", Decimal("7.25")), ("n", Decimal(5000)), ("n", Decimal("1234.5")),
    ]  # fmt: skip


def test_times_are_in_utc(alice: User) -> None:
    made = fund(alice, "1.00")
    client = sign_in("auditor")
    (row,) = lines(export(client, Transaction, "csv"))
    assert row["Time (UTC)"] == made.created_at.isoformat().replace("+00:00", "Z")
    _head, cell = cells(export(client, Transaction, "xlsx"))
    days = (made.created_at.replace(tzinfo=None) - EPOCH_OF_EXCEL).total_seconds() / 86_400
    assert float(cell["B"][1]) == pytest.approx(days, abs=1e-6)


GUARDED = {
    FORMULA: f"'{FORMULA}",
    "+1+1": "'+1+1",
    "-2+3": "'-2+3",
    "@SUM(A1)": "'@SUM(A1)",
    "\uff1d1": "'\uff1d1",
    "\t=1": "\t'=1",
    "\r=1": "\r'=1",
    "  =1": "'  =1",
    "\u00a0=1": "'\u00a0=1",
    '"=1': "'\"=1",
    # where semicolons divide the cells
    "rent;=1+1": "rent;'=1+1",
    "rent; +1": "rent;' +1",
    'rent;"=1"': 'rent;\'"=1"',
    "rent\n@A1": "rent\n'@A1",
}
PLAIN = ("1-2", "a=b", "lunch, -5", "rent; for May", "\ttabbed", "O'Neill")


@pytest.mark.parametrize("text", PLAIN)
def test_text_that_is_no_formula_stays_as_it_is(text: str) -> None:
    assert text_cell(text) == text


@pytest.mark.parametrize("text", GUARDED)
def test_text_is_no_formula(alice: User, bob: User, text: str) -> None:
    fund(alice, "1.00")
    post_one(transfer(alice, bob, "1.00", reference=text))
    client = sign_in("auditor")
    row, _deposit = lines(export(client, Transaction, "csv"))
    assert row["Reference"] == GUARDED[text]
    content = export(client, Transaction, "xlsx")
    assert cells(content)[1]["I"][0] == "inlineStr"
    with zipfile.ZipFile(io.BytesIO(content)) as workbook:
        assert b'quotePrefix="1"' in workbook.read("xl/styles.xml")
        assert b"<f>" not in workbook.read("xl/worksheets/sheet1.xml")


def test_what_is_exported_is_what_is_listed(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(long_lists, "FEW", 2)
    monkeypatch.setattr(walks, "FIRST_WINDOW", 2)
    monkeypatch.setattr(walks, "WIDEST_WINDOW", 3)
    monkeypatch.setattr(walks, "PATIENCE", 0)
    fund(alice, "100.00")
    for number in range(12):
        post_one(transfer(alice, bob, "1.00", reference=f"R-{number}"))
        post_one(transfer(bob, alice, "1.00", reference=f"S-{number}"))
    client = sign_in("auditor")
    expected = [f"R-{number}" for number in range(11, -1, -1)]
    for query in (
        {"q": "R-", "type": "transfer"},
        {"q": "R-", "party": "alice", "p": "K2Fi", "o": "-3"},
    ):
        found = lines(export(client, Transaction, "csv", **query))
        assert [row["Reference"] for row in found] == expected
    everything = lines(export(client, Transaction, "csv", party="alice"))
    assert len(everything) == len({row["Transaction id"] for row in everything}) == 25


def test_rows_of_thousands_of_owners_are_exported(db: None) -> None:
    people = [User(username=f"u{n}", email=f"u{n}@example.com") for n in range(2_700)]
    User.objects.bulk_create(people)
    ids = User.objects.filter(username__startswith="u").values_list("pk", flat=True)
    Balance.objects.bulk_create(Balance(user_id=pk, currency="USD") for pk in ids)
    found = lines(export(sign_in("auditor"), Balance, "csv"))
    assert {row["Owner"] for row in found} >= {person.username for person in people}


def test_nothing_is_exported_when_a_filter_is_not_understood(books: None) -> None:
    client = sign_in("auditor")
    response = client.get(path_of_export(Transaction, "csv"), {"amount_from": "ten"})
    assert response.headers["Location"] == f"{address(Transaction, 'changelist')}?amount_from=ten"
    assert not AuditLog.objects.filter(action__startswith="export.").exists()


def test_trail_tells_who_exported_what(books: None) -> None:
    client = sign_in("auditor")
    export(client, Transaction, "csv", type="transfer", q="INV", p="K2Fi", o="")
    started, completed = AuditLog.objects.filter(action__startswith="export.").order_by("pk")
    said = {"format": "csv", "filters": {"type": "transfer", "q": "INV"}}
    for record in (started, completed):
        assert (record.actor_name, record.entity_type) == ("the-auditor", "list")
        assert record.entity_id == "transactions"
        assert record.request_id == started.request_id != ""
    assert (started.action, started.details) == ("export.started", said)
    assert (completed.action, completed.details) == ("export.completed", {**said, "rows": 1})


def test_trail_tells_where_an_export_was_broken_off(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spreadsheets, "_LINES_AT_ONCE", 1)
    for _ in range(5):
        post_one(deposit(alice, "1.00"))
    response: Any = sign_in("auditor").get(path_of_export(Transaction, "csv"))
    _head, _first, _second = (next(response._iterator) for _ in range(3))
    response._iterator.close()
    ended = AuditLog.objects.get(action="export.broken_off")
    assert ended.details["rows"] == 1


def test_workbook_begins_before_its_first_row_is_read(alice: User) -> None:
    fund(alice, "1.00")
    response: Any = sign_in("auditor").get(path_of_export(Transaction, "xlsx"))
    assert next(response._iterator).startswith(b"PK")
    response._iterator.close()
    ended = AuditLog.objects.get(action="export.broken_off")
    assert ended.details["rows"] == 0
