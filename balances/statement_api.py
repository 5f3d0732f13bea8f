"""`GET /balances/statement`: a period of one balance, as JSON, CSV or PDF."""

import re
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from rest_framework.negotiation import DefaultContentNegotiation
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.request import Request
from rest_framework.serializers import ChoiceField, DateField
from rest_framework.views import APIView

from balances.api import subject
from balances.conditional import keep_private
from balances.fields import CurrencyField
from balances.periods import period_of
from balances.statement_files import statement_file
from balances.statements import statement_of
from ledgerlink.serializers import MomentField, QueryIdField, StrictSerializer

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


class DayOrTimeField(MomentField):
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
        response = statement_file(statement, request.accepted_renderer.format)
        keep_private(response)
        return response
