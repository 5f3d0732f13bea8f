"""Statements as PDF, read back."""

import re
import time
from datetime import date
from io import BytesIO

import pytest
from pypdf import PdfReader

from balances.fonts import BOLD, REGULAR, printable, runs, width_of, wrapped
from balances.money import grouped
from balances.periods import period_of
from balances.statement_layout import DETAILS_WIDTH, SMALL
from balances.statement_pdf import pdf_bytes
from balances.statements import Statement, statement_of
from tests.balances.test_point_in_time import append_entries, minute, opened
from tests.books import deposit, fund, post_one, transfer
from tests.clock import Clock, utc
from tests.concurrency import at_once
from transactions.processor import post_directly
from users.models import User


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, utc("2026-10-01"))


def october(user: User, clock: Clock) -> Statement:
    clock.set("2026-11-22")
    return statement_of(user, "USD", period_of(date(2026, 10, 1), date(2026, 10, 31)))


def read(document: bytes) -> list[str]:
    """The text of each page."""
    return [page.extract_text() for page in PdfReader(BytesIO(document)).pages]


def test_pdf_shows_what_a_statement_must(clock: Clock, alice: User, bob: User) -> None:
    fund(alice, "1234567.89")
    clock.set("2026-10-02 13:14:15")
    post_one(transfer(alice, bob, "1000.00", description="Rent October", reference="R-77"))
    post_one(deposit(alice, "5.00", effective_at=utc("2026-08-20 10:00")))
    (text,) = read(pdf_bytes(october(alice, clock)))
    for shown in (
        "Account statement",
        f"alice  (user {alice.pk})",
        "USD",
        "01 Oct 2026 \u2013 31 Oct 2026",
        "Opening balance",
        "1,234,567.89",
        "Transfer to bob",
        "R-77",
        "Rent October",
        "13:14:15",
        "1,000.00",
        "Deposit from External",
        "Value date 20 Aug 2026",
        "1,233,572.89",
        "Closing balance after 3 entries",
        "1,234,572.89",
        "Page 1 of 1",
    ):
        assert shown in text
    assert "Provisional" not in text
    assert bob.email not in text


def test_pdf_is_the_same_bytes_each_time(transactional_db: None, clock: Clock, alice: User) -> None:
    for text in ("Miete \u00fcber \u20ac", "\u5bb6\u8cc3", "\uc6d4\uc138"):
        post_one(deposit(alice, "1.00", description=text))
    statement = october(alice, clock)
    first = pdf_bytes(statement)
    assert set(at_once([lambda: pdf_bytes(statement)] * 6)) == {first}
    clock.set("2027-01-01")
    assert pdf_bytes(october(alice, clock)) == first
    told = PdfReader(BytesIO(first)).metadata
    assert told is not None
    assert str(told["/CreationDate"]) == str(told["/ModDate"]) == "D:20000101000000+00'00'"


@pytest.mark.parametrize(
    "text",
    [
        "Stra\u00dfe, caf\u00e9, \u20ac5",
        "\u041e\u043f\u043b\u0430\u0442\u0430",  # Cyrillic
        "\u0395\u03bd\u03bf\u03af\u03ba\u03b9\u03bf",  # Greek
        "\u623f\u79df \u5341\u6708",  # Chinese
        "\u5bb6\u8cc3\u30ab\u30ca",  # Japanese
        "\uc6d4\uc138",  # Korean
    ],
)
def test_pdf_shows_text_of_many_scripts(text: str, clock: Clock, alice: User) -> None:
    post_one(deposit(alice, "1.00", description=text))
    (shown,) = read(pdf_bytes(october(alice, clock)))
    assert text in shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\u05e9\u05dc\u05d5\u05dd", "\ufffd" * 4),
        ("\U0001f600 fun", "\ufffd fun"),
        ("e\u0301t\u00e9", "\u00e9t\u00e9"),
        ("two\nlines\tand\x00tab", "two lines and tab"),
        ("\u202egnp.exe \u200bhidden", "gnp.exe hidden"),
        ("\ud800", ""),
        ("", ""),
    ],
    ids=ascii,
)
def test_text_that_no_font_has_is_replaced(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_fonts_change_only_where_they_must() -> None:
    assert list(runs("Rent")) == [(REGULAR, "Rent")]
    assert list(runs("Rent", BOLD)) == [(BOLD, "Rent")]
    assert list(runs("10\u6708 ok")) == [
        (REGULAR, "10"),
        ("NotoSansSC-Regular", "\u6708"),
        (REGULAR, " ok"),
    ]


@pytest.mark.parametrize(
    "text", ["", "short", "word " * 50, "x" * 255, "\u6708" * 255, "a " + "b" * 200 + " c"]
)
def test_wrapped_text_fits_and_loses_nothing(text: str) -> None:
    lines = wrapped(printable(text), DETAILS_WIDTH, SMALL)
    assert all(0 < width_of(line, SMALL) <= DETAILS_WIDTH for line in lines)
    assert "".join("".join(lines).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (-123456789, "USD", "-1,234,567.89"),
        (-5, "USD", "-0.05"),
        (0, "JPY", "0"),
        (1000, "JPY", "1,000"),
        (1234567, "BHD", "1,234.567"),
    ],
)
def test_amounts_are_grouped(minor: int, currency: str, text: str) -> None:
    assert grouped(minor, currency) == text


def test_largest_amounts_fit_their_columns(clock: Clock, alice: User) -> None:
    for _ in range(3):
        fund(alice, "9999999999999999.99")
    (text,) = read(pdf_bytes(october(alice, clock)))
    assert "29,999,999,999,999,999.97" in text


def test_long_statement_repeats_its_header_and_counts_its_pages(clock: Clock, alice: User) -> None:
    append_entries(opened(alice), [minute(n) for n in range(100)])
    pages = read(pdf_bytes(october(alice, clock)))
    assert len(pages) == 5
    for number, text in enumerate(pages, start=1):
        assert f"Page {number} of 5" in text
        assert re.search(r"Date\s+Details\s+Money out\s+Money in\s+Balance", text)
    assert "".join(pages).count("Deposit from External") == 100
    assert "Closing balance after 100 entries" in pages[-1]


def test_open_period_is_marked_provisional(clock: Clock, alice: User) -> None:
    clock.set("2026-10-20 10:00:30")
    statement = statement_of(alice, "USD", period_of(date(2026, 10, 1), None))
    (text,) = read(pdf_bytes(statement))
    assert "Provisional: entries may still be added" in text
    assert "01 Oct 2026 00:00:00 \u2013 20 Oct 2026 10:00:30" in text


def test_thousand_entries_take_less_than_a_second(clock: Clock, alice: User) -> None:
    post_directly(
        [deposit(alice, "1.00", description="Invoice 4711 of October", reference=f"R-{n}")
         for n in range(1000)]
    )  # fmt: skip
    statement = october(alice, clock)
    pdf_bytes(statement)  # the fonts are read once in the life of a process
    started = time.process_time()
    document = pdf_bytes(statement)
    seconds = time.process_time() - started
    print(f"\nPDF of {statement.count} entries: {seconds:.2f} s, {len(document):,} bytes")
    assert statement.count == 1000
    assert seconds < 1
