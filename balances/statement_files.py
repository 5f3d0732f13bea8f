"""Statements as files to be downloaded."""

from collections.abc import Iterator
from itertools import islice

from django.http import HttpResponse, StreamingHttpResponse

from balances.errors import StatementTooLong
from balances.statement_csv import csv_rows
from balances.statement_json import represent_statement
from balances.statements import Statement
from ledgerlink.rows import dump_json

MAX_ENTRIES = 10_000  # of a statement that is made in memory; CSV has no limit
_ROWS_AT_ONCE = 200


def statement_file(statement: Statement, kind: str | None) -> HttpResponse | StreamingHttpResponse:
    """As csv, pdf or json. Raises StatementTooLong."""
    refuse_too_long(statement, kind)
    response: HttpResponse | StreamingHttpResponse
    if kind == "csv":
        response = StreamingHttpResponse(
            _blocks(csv_rows(statement)), content_type="text/csv; charset=utf-8"
        )
    elif kind == "pdf":
        from balances.statement_pdf import pdf_bytes  # noqa: PLC0415 - reportlab takes 0.2 s

        response = HttpResponse(pdf_bytes(statement), content_type="application/pdf")
    else:
        body = dump_json(represent_statement(statement))
        return HttpResponse(body, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{_name(statement)}.{kind}"'
    return response


def refuse_too_long(statement: Statement, kind: str | None) -> None:
    """Raises StatementTooLong for what is not made in memory."""
    if kind != "csv" and statement.count > MAX_ENTRIES:
        raise StatementTooLong(
            f"There are {statement.count} entries, more than {MAX_ENTRIES}. "
            "Ask for a shorter period, or for format=csv, which has no limit."
        )


def _blocks(rows: Iterator[str]) -> Iterator[str]:
    while block := "".join(islice(rows, _ROWS_AT_ONCE)):
        yield block


def _name(statement: Statement) -> str:
    period = statement.period
    days = f"{period.start:%Y-%m-%d}-{period.last_day:%Y-%m-%d}"
    name = f"statement-{statement.owner.username}-{statement.currency}-{days}"
    return f"{name}-provisional" if period.provisional else name
