"""Tables as Excel workbooks, sent while their rows are read: of any length, in little memory.

The rows are written here, sheet by sheet. All else that makes a workbook is XlsxWriter's, which
can't send a file that isn't finished; so it comes after the sheets, when their number is known.
"""

import io
import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import islice
from typing import Any
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

from ledgerlink.spreadsheets import Cell, Row, is_formula

Style = tuple[str, Any]  # a property of XlsxWriter's formats, and its value

_ROWS_AT_ONCE = 200
_SHEET_ROWS = 1_048_576  # what Excel holds in one sheet
_SHEET_BYTES = 1 << 30  # a part of 2 GiB needs ZIP64, which Excel doesn't read in a streamed file
_CELL_TEXT = 32_767  # UTF-16 units, as Excel counts
_CUT = " … (cut: a cell holds no more)"
_NUMBER_DIGITS = 15  # what Excel keeps of a number
_EPOCH = datetime(1899, 12, 30, tzinfo=UTC)
_DAY = timedelta(days=1)

_HEAD: Style = ("bold", True)
_TIME: Style = ("num_format", "yyyy-mm-dd hh:mm:ss")
_QUOTED: Style = ("quote_prefix", True)  # text, whatever it looks like, also after it was edited
_DIGITS: Style = ("align", "right")

# What XML can't hold is written _xHHHH_ (ECMA-376), and so is what looks like that, or would before
# such a one.
_NOT_IN_XML = "\x00-\x08\x0b-\x1f\ud800-\udfff\ufffe\uffff"
_UNWRITABLE = re.compile(f"[{_NOT_IN_XML}]|_(?=x[0-9A-Fa-f]{{4}}[_{_NOT_IN_XML}])")

_SHEET_BEGINS = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main">'
    '<sheetViews><sheetView workbookViewId="0">'
    '<pane ySplit="1" topLeftCell="A2" activePane="bottomLeft" state="frozen"/>'
    "</sheetView></sheetViews>"
    '<cols><col min="1" max="{columns}" width="20" customWidth="1"/></cols>'
    "<sheetData>"
)
_SHEET_ENDS = '</sheetData><autoFilter ref="A1:{last}"/></worksheet>'


def xlsx_table(title: str, heads: Sequence[str], rows: Iterable[Row]) -> Iterator[bytes]:
    """Times are UTC. What does not fit into one sheet goes on in another, and its last row says
    so. The first bytes come before the first row is read."""
    outbox = _Outbox()
    writer = _RowWriter(len(heads))
    unread = iter(rows)
    blocks = iter(lambda: list(islice(unread, _ROWS_AT_ONCE)), [])
    filled: list[int] = []  # the rows of each sheet
    with ZipFile(outbox, "w", ZIP_DEFLATED) as archive:
        block: list[Row] = []
        while block or not filled:
            with archive.open(f"xl/worksheets/sheet{len(filled) + 1}.xml", "w") as sheet:
                size = sheet.write(writer.begin(heads))
                yield outbox.taken()
                block = block or next(blocks, [])
                while block and writer.has_room(len(block)) and size < _SHEET_BYTES:
                    size += sheet.write(writer.rows(block))
                    yield from filter(None, [outbox.taken()])
                    block = next(blocks, [])
                filled.append(writer.count)
                more = _sheet_name(title, len(filled) + 1) if block else ""
                sheet.write(writer.end(more))
        for name, content in _other_parts(title, filled, len(heads), writer.styles):
            archive.writestr(name, content)
    yield outbox.taken()


def _sheet_name(title: str, number: int) -> str:
    """At most 31 characters, as Excel wants it."""
    return f"{title[:25]} {number}" if number > 1 else title[:31]


class _Outbox:
    """A file for ZipFile that can't be sought in, from which what was written is taken."""

    def __init__(self) -> None:
        self._blocks: list[bytes] = []

    def write(self, block: bytes) -> int:
        self._blocks.append(bytes(block))
        return len(block)

    def flush(self) -> None:
        pass

    def close(self) -> None:
        pass

    def taken(self) -> bytes:
        blocks, self._blocks = self._blocks, []
        return b"".join(blocks)


class _RowWriter:
    """The XML of one sheet's rows after the other; `count` are those of the sheet so far, and
    `styles` all that were used, with their numbers."""

    def __init__(self, columns: int) -> None:
        from xlsxwriter.utility import xl_col_to_name  # noqa: PLC0415 - takes 0.1 s

        self.count = 0
        self.styles: dict[Style, int] = {}
        self._columns = [xl_col_to_name(place) for place in range(columns)]

    def begin(self, heads: Sequence[str]) -> bytes:
        self.count = 1
        cells = (
            _text(f"{column}1", head, self._style(_HEAD))
            for column, head in zip(self._columns, heads, strict=True)
        )
        begins = _SHEET_BEGINS.format(columns=len(heads))
        return f'{begins}<row r="1">{"".join(cells)}</row>'.encode()

    def has_room(self, rows: int) -> bool:
        """Room for as many, and for the row that tells where the rest is."""
        return self.count + rows < _SHEET_ROWS

    def rows(self, rows: Iterable[Row]) -> bytes:
        return "".join(map(self._row, rows)).encode()

    def end(self, next_sheet: str) -> bytes:
        """`next_sheet` is where the rest is, if there is any."""
        ends = _SHEET_ENDS.format(last=f"{self._columns[-1]}{self.count}")
        if not next_sheet:
            return ends.encode()
        said = self._row([f"The rest is on the sheet “{next_sheet}”: one sheet holds no more."])
        return (said + ends).encode()

    def _row(self, row: Row) -> str:
        self.count += 1
        cells = (
            self._cell(f"{column}{self.count}", cell)
            for column, cell in zip(self._columns, row, strict=False)
        )
        return f'<row r="{self.count}">{"".join(cells)}</row>'

    def _cell(self, place: str, cell: Cell) -> str:
        match cell:
            case None | "":
                return ""
            case str():
                return _text(place, cell, self._style(_QUOTED) if is_formula(cell) else 0)
            case datetime():
                return _number(place, f"{(cell - _EPOCH) / _DAY:.16g}", self._style(_TIME))
            case _ if len(str(abs(cell)).replace(".", "")) > _NUMBER_DIGITS:
                return _text(place, f"{cell:f}", self._style(_DIGITS))
            case Decimal():
                # From its digits: no float is made.
                return _number(place, f"{cell:f}", self._style(_amount(cell)))
            case _:
                return _number(place, str(cell), 0)

    def _style(self, style: Style) -> int:
        return self.styles.setdefault(style, len(self.styles) + 1)


def _amount(cell: Decimal) -> Style:
    decimals = -int(cell.as_tuple().exponent)
    return ("num_format", "#,##0" + ("." + "0" * decimals if decimals else ""))


def _number(place: str, digits: str, style: int) -> str:
    return f'<c r="{place}" s="{style}"><v>{digits}</v></c>'


def _text(place: str, text: str, style: int) -> str:
    written = escape(_UNWRITABLE.sub(_written, _that_fits(text)))
    return (
        f'<c r="{place}" s="{style}" t="inlineStr"><is>'
        f'<t xml:space="preserve">{written}</t></is></c>'
    )


def _written(found: re.Match[str]) -> str:
    return f"_x{ord(found[0]):04X}_"


def _that_fits(text: str) -> str:
    units = text.encode("utf-16-le", "surrogatepass")
    if len(units) <= 2 * _CELL_TEXT:
        return text
    return units[: 2 * (_CELL_TEXT - len(_CUT))].decode("utf-16-le", "ignore") + _CUT


def _other_parts(
    title: str, filled: Sequence[int], columns: int, styles: Iterable[Style]
) -> Iterator[tuple[str, bytes]]:
    """Name and content of all parts but the sheets, of which each has as many rows as `filled`
    says."""
    from xlsxwriter import Workbook  # noqa: PLC0415 - takes 0.1 s

    file = io.BytesIO()
    with Workbook(file) as workbook:
        for number, rows in enumerate(filled, start=1):
            sheet = workbook.add_worksheet(_sheet_name(title, number))
            sheet.autofilter(0, 0, rows - 1, columns - 1)
            for place, style in enumerate(styles):  # in this order they get the numbers they have
                sheet.write_blank(0, place, None, workbook.add_format(dict([style])))
    with ZipFile(file) as archive:
        for name in archive.namelist():
            if not name.startswith("xl/worksheets/"):
                yield name, archive.read(name)
