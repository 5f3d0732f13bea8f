"""Tables as CSV, row by row: of any length, in little memory."""

import csv
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
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


class _Echo:
    """A file for csv.writer that hands back what is written."""

    @staticmethod
    def write(text: str) -> str:
        return text


def csv_writer() -> Any:
    """A function that makes a line of CSV (RFC 4180) from its cells."""
    return csv.writer(_Echo()).writerow


def is_formula(text: str) -> bool:
    """Whether a spreadsheet would take `text`, or a part of it, for a formula."""
    return _FORMULA.search(text) is not None


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
