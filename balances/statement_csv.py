"""Statements as CSV (RFC 4180, UTF-8), line by line: of any length, in little memory."""

from collections.abc import Iterator
from datetime import datetime

from balances.money import format_amount
from balances.statements import Statement, Totals
from ledgerlink.spreadsheets import csv_writer, text_cell
from ledgerlink.timestamps import rfc3339

COLUMNS = (
    "created_at",
    "effective_at",
    "type",
    "counterparty",
    "reference",
    "description",
    "currency",
    "delta",
    "balance",
    "version",
    "transaction_id",
)


def csv_rows(statement: Statement) -> Iterator[str]:
    """A header, the opening balance, the entries, the closing balance with the totals.

    A file without a closing line was cut off on its way.
    """
    write = csv_writer()
    currency, period = statement.currency, statement.period
    yield write(COLUMNS)
    opening = format_amount(statement.opening, currency)
    yield write(_edge(period.start, "opening", "", currency, opening))
    totals = Totals()
    for line in statement.lines(totals):
        yield write(
            (
                rfc3339(line.created_at),
                rfc3339(line.effective_at),
                line.type,
                text_cell(line.counterparty),
                text_cell(line.reference),
                text_cell(line.description),
                currency,
                format_amount(line.delta, currency),
                format_amount(line.after, currency),
                line.version,
                line.transaction_id,
            )
        )
    incoming, outgoing = (format_amount(n, currency) for n in (totals.incoming, totals.outgoing))
    said = f"in {incoming}; out {outgoing}; entries {totals.count}"
    kind = "closing_provisional" if period.provisional else "closing"
    closing = format_amount(statement.closing, currency)
    yield write(_edge(period.end, kind, said, currency, closing))


def _edge(at: datetime, kind: str, said: str, currency: str, amount: str) -> tuple[str, ...]:
    return rfc3339(at), "", kind, "", "", said, currency, "", amount, "", ""
