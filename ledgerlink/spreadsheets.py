"""Tables as CSV and as Excel workbooks, row by row: of any length, in little memory."""

import csv
import re
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from itertools import islice
from typing import Any

from ledgerlink.timestamps import rfc3339

Cell = str | int | Decimal | datetime | None
Row = Sequence[Cell]

# A spreadsheet takes what begins so for a formula, and would run it, whatever white space or quotes
# are before it. Where semicolons or tabs divide the cells, the quotes of this file protect nothing:
# what follows on one of them, or on the end of a line, is a cell of its own.
_FORMULA = re.compile(
    r"""(?:^|(?<=[;\t\r\n]))(?=[^\S\t\r\n]*"*[^\S\t\r\n]*[=+\-@\uff1d\uff0b\uff0d\uff20])"""
)
BOM = "\ufeff".encode()  # without it, Excel reads the file in its country's old encoding
_LINES_AT_ONCE = 200
_BLOCK = 64 * 1024  # bytes
_SHEET_ROWS = 1_048_576  # what Excel holds in one sheet
_NUMBER_DIGITS = 15  # what Excel keeps of a number


class _Echo:
    """A file for csv.writer that hands back what is written."""

    @staticmethod
    def write(text: str) -> str:
        return text


def csv_writer() -> Any:
    """A function that makes a line of CSV (RFC 4180) from its cells."""
    return csv.writer(_Echo()).writerow


def text_cell(text: str) -> str:
    """`text` with an apostrophe wherever a spreadsheet would take what follows for a formula."""
    return _FORMULA.sub("'", text)


def csv_table(heads: Sequence[str], rows: Iterable[Row]) -> Iterator[bytes]:
    """UTF-8, and marked as such; times are RFC 3339 in UTC, amounts plain decimals."""
    write = csv_writer()
    yield BOM + write(heads).encode()
    lines = (write([_plain(cell) for cell in row]) for row in rows)
    while block := "".join(islice(lines, _LINES_AT_ONCE)):
        yield block.encode()


def _plain(cell: Cell) -> str | int:
    match cell:
        case str():
            return text_cell(cell)
        case datetime():
            return rfc3339(cell)
        case Decimal():
            return f"{cell:f}"
        case None:
            return ""
        case _:
            return cell


def xlsx_table(title: str, heads: Sequence[str], rows: Iterable[Row]) -> Iterator[bytes]:
    """Times are UTC. What does not fit into one sheet goes on in another."""
    from xlsxwriter import Workbook  # noqa: PLC0415 - takes 0.1 s

    with tempfile.TemporaryFile() as file:
        with Workbook(file, {"constant_memory": True, "remove_timezone": True}) as workbook:
            sheets = _Sheets(workbook, title, heads)
            for row in rows:
                sheets.add(row)
            sheets.end()
        file.seek(0)
        while block := file.read(_BLOCK):
            yield block


class _Sheets:
    def __init__(self, workbook: Any, title: str, heads: Sequence[str]) -> None:
        self._workbook, self._title, self._heads = workbook, title, heads
        self._bold = workbook.add_format({"bold": True})
        self._time = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self._quoted = workbook.add_format({"quote_prefix": True})
        self._digits = workbook.add_format({"align": "right"})
        self._amounts: dict[int, Any] = {}  # by decimals
        self._count = 0
        self._begin()

    def _begin(self) -> None:
        self._count += 1
        name = self._title if self._count == 1 else f"{self._title} {self._count}"
        self._sheet = self._workbook.add_worksheet(name[:31])
        self._sheet.freeze_panes(1, 0)
        self._sheet.set_column(0, len(self._heads) - 1, 20)
        for place, head in enumerate(self._heads):
            self._sheet.write_string(0, place, head, self._bold)
        self._row = 1

    def end(self) -> None:
        self._sheet.autofilter(0, 0, self._row - 1, len(self._heads) - 1)

    def add(self, row: Row) -> None:
        if self._row == _SHEET_ROWS:
            self.end()
            self._begin()
        for place, cell in enumerate(row):
            self._write(place, cell)
        self._row += 1

    def _write(self, place: int, cell: Cell) -> None:
        match cell:
            case None | "":
                pass
            case str():
                # As text, whatever it looks like, also after somebody has edited it.
                form = self._quoted if _FORMULA.search(cell) else None
                self._sheet.write_string(self._row, place, cell, form)
            case datetime():
                self._sheet.write_datetime(self._row, place, cell.astimezone(UTC), self._time)
            case _ if len(str(abs(cell)).replace(".", "")) > _NUMBER_DIGITS:
                self._sheet.write_string(self._row, place, str(cell), self._digits)
            case Decimal():
                # From its digits: no float is made.
                self._sheet.write_number(self._row, place, cell, self._amount(cell))
            case _:
                self._sheet.write_number(self._row, place, cell)

    def _amount(self, cell: Decimal) -> Any:
        decimals = -int(cell.as_tuple().exponent)
        if decimals not in self._amounts:
            shown = "#,##0" + ("." + "0" * decimals if decimals else "")
            self._amounts[decimals] = self._workbook.add_format({"num_format": shown})
        return self._amounts[decimals]
