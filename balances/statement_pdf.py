"""Statements as PDF: A4, the same bytes each time.

What a document says about itself (dates, identifiers) is fixed: see `invariant` in reportlab.
"""

from io import BytesIO

from reportlab.lib.colors import Color, HexColor
from reportlab.pdfgen.canvas import Canvas

from balances.fonts import BOLD, REGULAR, runs, width_of
from balances.money import grouped
from balances.statement_layout import (
    AMOUNT_WIDTH,
    BALANCE,
    BOTTOM,
    DATE,
    DETAILS,
    FIRST_TOP,
    HEADER_HEIGHT,
    HEIGHT,
    INCOMING,
    LEADING,
    LEFT,
    NEXT_TOP,
    OUTGOING,
    RIGHT,
    SIZE,
    SMALL,
    Row,
    pages_of,
    period_in_words,
)
from balances.statements import Statement, Totals

ISSUER = "Ledger Link"
INK, GREY, RULE, SHADE, WARNING, WHITE = (
    HexColor(colour)
    for colour in ("#1c2430", "#667080", "#cfd5dd", "#eef1f5", "#b3400a", "#ffffff")
)
PROVISIONAL = "Provisional: entries may still be added to this period."


def pdf_bytes(statement: Statement) -> bytes:
    totals = Totals()
    pages = pages_of(statement, totals)
    file = BytesIO()
    canvas = Canvas(file, pageCompression=1, invariant=1, initialFontName=REGULAR)
    canvas.setTitle(f"Statement {_about(statement)}")
    canvas.setAuthor(ISSUER)
    canvas.setCreator(ISSUER)
    for number, rows in enumerate(pages, start=1):
        page = _Page(canvas)
        if number == 1:
            page.heading(statement, totals)
        page.table(rows, FIRST_TOP if number == 1 else NEXT_TOP)
        page.footer(_about(statement), f"Page {number} of {len(pages)}")
        page.finish()
    canvas.save()
    return file.getvalue()


def _about(statement: Statement) -> str:
    about = f"{statement.owner.username}, {statement.currency}"
    return f"{about}, {period_in_words(statement.period)}"


class _Page:
    """Drawing on the page that the canvas is at. All text is one object, put on top at the end, in
    which font and colour are named only where they change: that halves the time it takes."""

    def __init__(self, canvas: Canvas) -> None:
        self.canvas = canvas
        self._text = canvas.beginText()
        self._font: tuple[str, float] | None = None
        self._colour: Color | None = None

    def finish(self) -> None:
        self.canvas.drawText(self._text)
        self.canvas.showPage()

    def heading(self, statement: Statement, totals: Totals) -> None:
        self.text(LEFT, HEIGHT - 54, ISSUER, 9, GREY, font=BOLD)
        self.text(LEFT, HEIGHT - 82, "Account statement", 19, INK, font=BOLD)
        facts = (
            ("Account holder", f"{statement.owner.username}  (user {statement.owner.pk})"),
            ("Currency", statement.currency),
            ("Period", period_in_words(statement.period)),
            ("Times", "UTC"),
        )
        for number, (label, value) in enumerate(facts):
            y = HEIGHT - 112 - 15 * number
            self.text(LEFT, y, label, SIZE, GREY)
            self.text(LEFT + 78, y, value, SIZE + 1, INK)
        if statement.period.provisional:
            self.text(LEFT, HEIGHT - 176, PROVISIONAL, SIZE + 1, WARNING, font=BOLD)
        currency = statement.currency
        sums = (
            ("Opening balance", grouped(statement.opening, currency), REGULAR),
            ("Money in", grouped(totals.incoming, currency), REGULAR),
            ("Money out", grouped(totals.outgoing, currency), REGULAR),
            ("Closing balance", grouped(statement.closing, currency), BOLD),
        )
        left = RIGHT - 214
        self.box(left, HEIGHT - 170, 214, 74, SHADE)
        for number, (label, value, font) in enumerate(sums):
            y = HEIGHT - 112 - 16 * number
            self.text(left + 10, y, label, SIZE, GREY)
            self.number(RIGHT - 10, y, value, SIZE + 1, width=125, font=font)

    def table(self, rows: list[Row], top: float) -> None:
        self.box(LEFT, top - HEADER_HEIGHT, RIGHT - LEFT, HEADER_HEIGHT, INK)
        y = top - HEADER_HEIGHT + 6.5
        self.text(DATE, y, "Date", SIZE, WHITE, font=BOLD)
        self.text(DETAILS, y, "Details", SIZE, WHITE, font=BOLD)
        for right, title in (
            (OUTGOING, "Money out"),
            (INCOMING, "Money in"),
            (BALANCE, "Balance"),
        ):
            self.number(right, y, title, SIZE, WHITE, font=BOLD)
        top -= HEADER_HEIGHT
        for row in rows:
            self.row(row, top)
            top -= row.height

    def row(self, row: Row, top: float) -> None:
        font = BOLD if row.strong else REGULAR
        if row.strong:
            self.box(LEFT, top - row.height, RIGHT - LEFT, row.height, SHADE)
        y = top - LEADING - 1
        for number, text in enumerate(row.date):
            size, colour = (SMALL, GREY) if number else (SIZE, INK)
            self.text(DATE, y - LEADING * number, text, size, colour)
        for number, text in enumerate(row.details):
            size, colour = (SIZE, INK) if number < row.main else (SMALL, GREY)
            self.text(DETAILS, y - LEADING * number, text, size, colour, font=font)
        for right, text in (
            (OUTGOING, row.outgoing),
            (INCOMING, row.incoming),
            (BALANCE, row.balance),
        ):
            self.number(right, y, text, SIZE, font=font)
        self.line(top - row.height)

    def footer(self, about: str, number: str) -> None:
        self.line(BOTTOM - 14)
        self.text(LEFT, BOTTOM - 26, about, SMALL, GREY)
        self.number(RIGHT, BOTTOM - 26, number, SMALL, GREY)

    def text(
        self, x: float, y: float, text: str, size: float, colour: Color, *, font: str = REGULAR
    ) -> None:
        if colour is not self._colour:
            self._text.setFillColor(colour)
            self._colour = colour
        self._text.setTextOrigin(x, y)
        for name, run in runs(text, font):
            if (name, size) != self._font:
                self._text.setFont(name, size)
                self._font = name, size
            self._text.textOut(run)

    def number(
        self,
        right: float,
        y: float,
        text: str,
        size: float,
        colour: Color = INK,
        *,
        width: float = AMOUNT_WIDTH,
        font: str = REGULAR,
    ) -> None:
        """Ends at `right`; smaller where it would be wider than its column."""
        if text:
            size = min(size, size * width / width_of(text, size, font))
            self.text(right - width_of(text, size, font), y, text, size, colour, font=font)

    def box(self, x: float, y: float, width: float, height: float, colour: Color) -> None:
        self.canvas.setFillColor(colour)
        self.canvas.rect(x, y, width, height, stroke=0, fill=1)

    def line(self, y: float) -> None:
        self.canvas.setStrokeColor(RULE)
        self.canvas.setLineWidth(0.4)
        self.canvas.line(LEFT, y, RIGHT, y)
