"""Excel workbooks: sent while their rows are read, and read back by another library."""

import io
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from typing import Any

import pytest
from openpyxl import load_workbook
from openpyxl.utils.escape import unescape

from ledgerlink import workbooks
from ledgerlink.spreadsheets import Row
from ledgerlink.workbooks import xlsx_table

HEADS = ("Name", "Amount", "Time (UTC)")
NOON = datetime(2026, 2, 28, 12, 0, 0, 250_000, tzinfo=UTC)
HOSTILE = (
    '=HYPERLINK("http://example.com","x")', "+1+1", "-2+3", "@SUM(A1)", "\t=1",
    "<v>1</v></c>&amp;]]>", " before and after ", "two\nlines", "_x0041_", "\x00\x1f\ufffe",
    "_x0041\x00", "🧾",
)  # fmt: skip


def opened(*rows: Row, title: str = "Transactions") -> Any:
    return load_workbook(io.BytesIO(b"".join(xlsx_table(title, HEADS, rows))))


def column(sheet: Any, letter: str) -> list[Any]:
    return [cell.value for cell in sheet[letter]]


def test_cells_have_their_kinds_and_formats() -> None:
    sheet = opened(
        ("alice", Decimal("1234.50"), NOON),
        ("bob", Decimal(-5000), NOON.astimezone(timezone(timedelta(hours=9)))),
        ("", Decimal("0.00000001"), None),
        ("count", 7, None),
        ("digits", Decimal("1234567890123456.78"), None),
    ).active
    assert [cell.value for cell in sheet[1]] == list(HEADS)
    assert all(cell.font.bold for cell in sheet[1])
    amounts = [(cell.data_type, cell.number_format) for cell in sheet["B"][1:]]
    assert amounts == [
        ("n", "#,##0.00"), ("n", "#,##0"), ("n", "#,##0.00000000"), ("n", "General"),
        ("s", "General"),
    ]  # fmt: skip
    assert column(sheet, "B")[1:] == [1234.5, -5000, 1e-8, 7, "1234567890123456.78"]
    times = sheet["C"][1:3]
    assert [cell.value for cell in times] == [NOON.replace(tzinfo=None)] * 2
    assert [cell.number_format for cell in times] == ["yyyy-mm-dd hh:mm:ss"] * 2
    assert (sheet.freeze_panes, sheet.auto_filter.ref) == ("A2", "A1:C6")


def test_text_is_text_whatever_it_looks_like() -> None:
    cells = opened(*[(text,) for text in HOSTILE]).active["A"][1:]
    assert [cell.data_type for cell in cells] == ["s"] * len(HOSTILE)
    assert [unescape(cell.value) for cell in cells] == list(HOSTILE)
    assert [bool(cell.quotePrefix) for cell in cells] == [True] * 5 + [False] * (len(HOSTILE) - 5)


def test_text_too_long_for_a_cell_says_that_it_was_cut() -> None:
    kept, cut = column(opened(("🧾" * 16_383,), ("🧾" * 16_384,)).active, "A")[1:]
    assert kept == "🧾" * 16_383
    assert cut.endswith("🧾 … (cut: a cell holds no more)")
    assert len(cut.encode("utf-16-le")) <= 2 * 32_767


def test_table_without_rows_has_its_heads() -> None:
    sheet = opened().active
    assert (sheet.title, sheet.max_row, column(sheet, "A")) == ("Transactions", 1, ["Name"])


@pytest.mark.parametrize("limit", ["rows", "bytes"])
def test_what_does_not_fit_into_a_sheet_goes_on_in_another(
    monkeypatch: pytest.MonkeyPatch, limit: str
) -> None:
    monkeypatch.setattr(workbooks, "_ROWS_AT_ONCE", 1)
    if limit == "rows":
        monkeypatch.setattr(
            workbooks, "_SHEET_ROWS", 4
        )  # its heads, two rows, and where they go on
    else:
        monkeypatch.setattr(workbooks, "_SHEET_BYTES", 1_200)
    long = "x" * 300
    title = "Recorded movements of money"
    book = opened(*[(f"{number}{long}",) for number in range(5)], title=title)
    names = [title, "Recorded movements of mon 2", "Recorded movements of mon 3"]
    assert book.sheetnames == names
    goes_on = [f"The rest is on the sheet “{name}”: one sheet holds no more." for name in names[1:]]
    assert [column(sheet, "A") for sheet in book] == [
        ["Name", f"0{long}", f"1{long}", goes_on[0]],
        ["Name", f"2{long}", f"3{long}", goes_on[1]],
        ["Name", f"4{long}"],
    ]
    assert [sheet.auto_filter.ref for sheet in book] == ["A1:C3", "A1:C3", "A1:C2"]


def test_file_is_sent_while_its_rows_are_read() -> None:
    read = 0

    def rows() -> Iterator[Row]:
        nonlocal read
        noise = random.Random(1)
        for number in range(20_000):
            read += 1
            yield (noise.randbytes(40).hex(), Decimal(number), NOON)

    blocks = xlsx_table("Transactions", HEADS, rows())
    sent = [(next(blocks), read)]
    assert read == 0
    sent += [(block, read) for block in blocks]
    assert max(len(block) for block, _ in sent) < 200_000
    half = sum(len(block) for block, read_then in sent if read_then <= 10_000)
    assert half == pytest.approx(sum(len(block) for block, _ in sent) / 2, rel=0.1)
    book = load_workbook(io.BytesIO(b"".join(block for block, _ in sent)), read_only=True)
    assert sum(1 for _ in book.active.iter_rows()) == 20_001
