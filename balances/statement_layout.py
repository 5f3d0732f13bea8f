"""What stands on which page of a printed statement. Lengths in points, from the lower left."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from reportlab.lib.pagesizes import A4

from balances.fonts import printable, wrapped
from balances.money import grouped
from balances.periods import Period
from balances.statements import Line, Statement, Totals

WIDTH, HEIGHT = A4
MARGIN = 42.0
LEFT, RIGHT = MARGIN, WIDTH - MARGIN
SIZE, SMALL, LEADING, PADDING = 8.0, 7.0, 10.0, 7.0

DATE, DETAILS = LEFT + 4, LEFT + 62  # left edges of the texts
BALANCE, INCOMING, OUTGOING = RIGHT - 4, RIGHT - 96, RIGHT - 184  # right edges of the amounts
AMOUNT_WIDTH = 84.0
DETAILS_WIDTH = OUTGOING - AMOUNT_WIDTH - DETAILS

FIRST_TOP, NEXT_TOP = HEIGHT - 198, HEIGHT - 54  # of the table: on the first page, on the others
BOTTOM = 58.0
HEADER_HEIGHT = 20.0


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the table; the second text of a column and those after it are small."""

    date: tuple[str, ...]
    details: tuple[str, ...]
    outgoing: str = ""
    incoming: str = ""
    balance: str = ""
    main: int = 1  # how many of `details` are not small
    strong: bool = False

    @property
    def height(self) -> float:
        return LEADING * max(len(self.date), len(self.details)) + PADDING


def pages_of(statement: Statement, totals: Totals) -> list[list[Row]]:
    """The table, page by page; `totals` is added up on the way."""
    pages: list[list[Row]] = [[]]
    room = FIRST_TOP - BOTTOM - HEADER_HEIGHT
    for row in _rows(statement, totals):
        if row.height > room:
            pages.append([])
            room = NEXT_TOP - BOTTOM - HEADER_HEIGHT
        pages[-1].append(row)
        room -= row.height
    return pages


def _rows(statement: Statement, totals: Totals) -> Iterator[Row]:
    currency, period = statement.currency, statement.period
    strong = Row((), (), strong=True)
    yield replace(
        strong,
        date=(day(period.start),),
        details=("Opening balance",),
        balance=grouped(statement.opening, currency),
    )
    for line in statement.lines(totals):
        yield _row(line, currency)
    entries = "1 entry" if totals.count == 1 else f"{totals.count:,} entries"
    yield replace(
        strong,
        date=(period.last_day.strftime("%d %b %Y"),),
        details=(f"Closing balance after {entries}",),
        outgoing=grouped(totals.outgoing, currency),
        incoming=grouped(totals.incoming, currency),
        balance=grouped(statement.closing, currency),
    )


def _row(line: Line, currency: str) -> Row:
    at, value_date = line.created_at.astimezone(UTC), line.effective_at.astimezone(UTC)
    way = "to" if line.delta < 0 else "from"
    main = wrapped(
        printable(f"{line.type.capitalize()} {way} {line.counterparty}"), DETAILS_WIDTH, SIZE
    )
    texts = [line.reference, line.description]
    if value_date.date() != at.date():
        texts.append(f"Value date {day(value_date)}")
    small = [part for text in texts for part in wrapped(printable(text), DETAILS_WIDTH, SMALL)]
    amount = grouped(abs(line.delta), currency)
    return Row(
        date=(day(at), f"{at:%H:%M:%S}"),
        details=(*main, *small),
        outgoing=amount if line.delta < 0 else "",
        incoming=amount if line.delta > 0 else "",
        balance=grouped(line.after, currency),
        main=len(main),
    )


def day(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%d %b %Y")


def period_in_words(period: Period) -> str:
    """The first and the last day, with times where it does not begin and end with a day."""
    if period.in_days:
        return f"{day(period.start)} \u2013 {period.last_day:%d %b %Y}"
    start, end = (f"{t.astimezone(UTC):%d %b %Y %H:%M:%S}" for t in (period.start, period.end))
    return f"{start} \u2013 {end}"
