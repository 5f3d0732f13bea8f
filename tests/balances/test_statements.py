"""Statements, from the books to the lines of a file."""

import csv
import random
from datetime import date
from io import StringIO
from itertools import pairwise

import pytest
from django.db import connection

from balances.models import BalanceHistory
from balances.periods import period_of
from balances.statement_csv import COLUMNS, csv_rows
from balances.statements import Statement, Totals, statement_of
from ledgerlink.spreadsheets import text_cell
from tests import triggers
from tests.balances.test_point_in_time import append_entries, minute, opened
from tests.books import deposit, fund, post_one, transfer, withdrawal
from tests.clock import Clock, utc
from users.models import User

OCTOBER = (date(2026, 10, 1), date(2026, 10, 31))


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, utc("2026-09-01"))


@pytest.fixture
def moved(clock: Clock, alice: User, bob: User) -> Clock:
    """September and November have entries as well."""
    fund(alice, "100.00")
    clock.set("2026-10-01 00:00")
    post_one(transfer(alice, bob, "30.00", description="Rent", reference="R-1"))
    clock.set("2026-10-15 12:30")
    post_one(transfer(bob, alice, "0.01"))
    post_one(deposit(alice, "9.00", effective_at=utc("2026-09-30 10:00")))
    clock.set("2026-10-31 23:59:59.999999")
    post_one(withdrawal(alice, "5.00"))
    clock.set("2026-11-01 00:00")
    fund(alice, "1000.00")
    clock.set("2026-11-05 00:00")
    return clock


def october(user: User, currency: str = "USD") -> Statement:
    return statement_of(user, currency, period_of(*OCTOBER))


def test_statement_leads_from_opening_to_closing(moved: Clock, alice: User) -> None:
    statement = october(alice)
    totals = Totals()
    lines = [
        (line.type, line.counterparty, line.delta, line.after) for line in statement.lines(totals)
    ]
    assert statement.opening == 10000
    assert lines == [
        ("transfer", "bob", -3000, 7000),
        ("transfer", "bob", 1, 7001),
        ("deposit", "External", 900, 7901),
        ("withdrawal", "External", -500, 7401),
    ]
    assert statement.closing == 7401
    assert totals == Totals(incoming=901, outgoing=3500, count=4)


def test_statements_of_adjoining_periods_join(moved: Clock, alice: User) -> None:
    days = [date(2026, 8, 1), date(2026, 9, 1), *OCTOBER, date(2026, 11, 1), date(2026, 11, 2)]
    cuts = sorted(days)
    statements = [
        statement_of(alice, "USD", period_of(utc(f"{a}"), utc(f"{b}"))) for a, b in pairwise(cuts)
    ]
    for earlier, later in pairwise(statements):
        assert (earlier.closing, earlier.last) == (later.opening, later.first)
    assert (statements[0].opening, statements[-1].closing) == (0, 107401)


def test_statement_where_nothing_ever_moved_is_of_zero(moved: Clock, alice: User) -> None:
    statement = october(alice, "JPY")
    totals = Totals()
    assert (statement.opening, list(statement.lines(totals)), statement.closing) == (0, [], 0)
    assert totals == Totals()


def test_statement_is_read_in_chunks_without_a_gap(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balances.statements.CHUNK", 7)
    append_entries(opened(alice), [minute(n) for n in range(40)])
    lines = list(october(alice).lines(Totals()))
    assert [line.version for line in lines] == list(range(1, 41))


def test_statement_does_not_change_while_it_is_read(
    clock: Clock, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("balances.statements.CHUNK", 2)
    for _ in range(5):
        fund(alice, "1.00")
    clock.set("2026-09-01 00:00:01")
    statement = statement_of(alice, "USD", period_of(date(2026, 8, 1), None))
    lines = statement.lines(Totals())
    seen = [next(lines)]
    fund(alice, "1.00")
    seen += lines
    assert [line.version for line in seen] == [1, 2, 3, 4, 5]
    assert statement.closing == 500


def test_statement_of_a_broken_history_fails_instead_of_lying(
    moved: Clock, alice: User, transactional_db: None
) -> None:
    with triggers.suspended(connection):
        BalanceHistory.objects.filter(balance__user=alice, version=3).delete()
    with pytest.raises(AssertionError):
        list(october(alice).lines(Totals()))


def test_csv_has_a_header_the_lines_and_both_balances(moved: Clock, alice: User) -> None:
    header, first, *lines, last = csv.reader(StringIO("".join(csv_rows(october(alice)))))
    assert tuple(header) == COLUMNS
    table = [dict(zip(header, row, strict=True)) for row in (first, *lines, last)]
    assert [(row["type"], row["counterparty"], row["delta"], row["balance"]) for row in table] == [
        ("opening", "", "", "100.00"),
        ("transfer", "bob", "-30.00", "70.00"),
        ("transfer", "bob", "0.01", "70.01"),
        ("deposit", "External", "9.00", "79.01"),
        ("withdrawal", "External", "-5.00", "74.01"),
        ("closing", "", "", "74.01"),
    ]
    assert ",".join(first) == "2026-10-01T00:00:00.000000Z,,opening,,,,USD,,100.00,,"
    assert table[1]["description"] == "Rent"
    assert table[1]["reference"] == "R-1"
    assert table[3]["effective_at"] == "2026-09-30T10:00:00.000000Z"
    assert table[-1]["description"] == "in 9.01; out 35.00; entries 4"
    assert table[-1]["created_at"] == "2026-11-01T00:00:00.000000Z"


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30 1234", "'+49 30 1234"),
        ("-5", "'-5"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("\t=1", "\t'=1"),
        ("\r=1", "\r'=1"),
        ("\n=1", "\n'=1"),
        ("\uff1d1", "'\uff1d1"),
        ("plain = text", "plain = text"),
        ("", ""),
        ("'quoted", "'quoted"),
    ],
)
def test_no_cell_is_a_formula(text: str, cell: str) -> None:
    assert text_cell(text) == cell


def test_csv_keeps_whatever_text_there_is(clock: Clock, alice: User) -> None:
    texts = ['=cmd|"/C calc"!A0', 'He said "no", then left', "two\r\nlines", "家賃 😀", "-5"]
    for text in texts:
        post_one(deposit(alice, "1.00", description=text, reference=text[:100]))
    clock.set("2026-10-01")
    statement = statement_of(alice, "USD", period_of(date(2026, 9, 1), date(2026, 9, 30)))
    text = "".join(csv_rows(statement))
    rows = list(csv.DictReader(StringIO(text, newline="")))[1:-1]
    assert [row["description"] for row in rows] == [text_cell(text) for text in texts]
    assert [row["reference"] for row in rows] == [text_cell(text[:100]) for text in texts]
    assert {row["delta"] for row in rows} == {"1.00"}
    assert text.count("\r\n") == 1 + 1 + len(texts) + 1 + 2  # each line's end, and two in a cell


def test_random_cuts_of_a_history_add_up(alice: User) -> None:
    rolled = random.Random(11)
    append_entries(opened(alice), [minute(n) for n in range(50)])
    for _ in range(20):
        first, last = sorted(rolled.sample(range(60), 2))
        statement = statement_of(alice, "USD", period_of(minute(first), minute(last)))
        totals = Totals()
        versions = [line.version for line in statement.lines(totals)]
        assert versions == [n + 1 for n in range(50) if first <= n < last]
        assert statement.closing - statement.opening == totals.incoming == len(versions)
