"""`GET /balances/statement`: a period of one balance, as JSON, CSV or PDF."""

import re
from collections.abc import Iterator
from itertools import islice
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.serializers import ChoiceField, DateField, DateTimeField
from rest_framework.views import APIView

from balances.api import subject
from balances.conditional import keep_private
from balances.errors import StatementTooLong
from balances.fields import CurrencyField
from balances.periods import period_of
from balances.statement_csv import csv_rows
from balances.statement_json import represent_statement
from balances.statements import Statement, statement_of
from ledgerlink.rows import dump_json
from ledgerlink.serializers import QueryIdField, StrictSerializer

MAX_ENTRIES = 10_000  # of a statement that is made in memory; CSV has no limit
_ROWS_AT_ONCE = 200
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


class CsvRenderer(JSONRenderer):
    """Names the format in the negotiation. The file itself is written elsewhere; what is rendered
    here is a problem document."""

    media_type = "text/csv"
    format = "csv"


class PdfRenderer(JSONRenderer):
    """As CsvRenderer."""

    media_type = "application/pdf"
    format = "pdf"


class FormatNegotiation(DefaultContentNegotiation):
    """`?format=` wins over the Accept header, which most clients send without meaning it."""

    def select_renderer(
        self, request: Request, renderers: Any, format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        named = request.query_params.get("format")
        for renderer in renderers:
            if renderer.format == named:
                return renderer, renderer.media_type
        chosen: tuple[BaseRenderer, str] = super().select_renderer(
            request, renderers, format_suffix
        )
        return chosen


class DayOrTimeField(DateTimeField):
    """RFC 3339: a full date, or a date with a time."""

    def to_internal_value(self, value: Any) -> Any:
        if isinstance(value, str) and _DAY.fullmatch(value):
            return DateField().to_internal_value(value)
        return super().to_internal_value(value)


class StatementQuery(StrictSerializer):
    currency = CurrencyField()
    user_id = QueryIdField(required=False)
    format = ChoiceField(["json", "csv", "pdf"], required=False)

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {
            "from": DayOrTimeField(required=False),
            "to": DayOrTimeField(required=False),
        }


class StatementView(APIView):
    renderer_classes = (JSONRenderer, CsvRenderer, PdfRenderer)
    content_negotiation_class = FormatNegotiation

    def get(self, request: Request) -> HttpResponse | StreamingHttpResponse:
        """The statement of the month before this one, or of the period from `from` to `to`."""
        query = StatementQuery.read(request.query_params)
        owner = subject(request, query.get("user_id"))
        period = period_of(query.get("from"), query.get("to"))
        statement = statement_of(owner, query["currency"], period)
        response = _file(statement, request.accepted_renderer.format)
        keep_private(response)
        return response


def _file(statement: Statement, kind: str | None) -> HttpResponse | StreamingHttpResponse:
    """Raises StatementTooLong."""
    response: HttpResponse | StreamingHttpResponse
    if kind == "csv":
        response = StreamingHttpResponse(
            _blocks(csv_rows(statement)), content_type="text/csv; charset=utf-8"
        )
    elif statement.count > MAX_ENTRIES:
        raise StatementTooLong(
            f"There are {statement.count} entries, more than {MAX_ENTRIES}. "
            "Ask for a shorter period, or for format=csv, which has no limit."
        )
    elif kind == "pdf":
        from balances.statement_pdf import pdf_bytes  # noqa: PLC0415 - reportlab takes 0.2 s

        response = HttpResponse(pdf_bytes(statement), content_type="application/pdf")
    else:
        body = dump_json(represent_statement(statement))
        return HttpResponse(body, content_type="application/json")
    response["Content-Disposition"] = f'attachment; filename="{_name(statement)}.{kind}"'
    return response


def _blocks(rows: Iterator[str]) -> Iterator[str]:
    while block := "".join(islice(rows, _ROWS_AT_ONCE)):
        yield block


def _name(statement: Statement) -> str:
    period = statement.period
    days = f"{period.start:%Y-%m-%d}-{period.last_day:%Y-%m-%d}"
    name = f"statement-{statement.owner.username}-{statement.currency}-{days}"
    return f"{name}-provisional" if period.provisional else name
