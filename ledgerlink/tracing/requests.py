"""The spans of requests, while there are traces."""

import random
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from opentelemetry.instrumentation.django.middleware.otel_middleware import _DjangoMiddleware
from opentelemetry.trace import Span, format_trace_id, get_current_span
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ledgerlink.context import current_request, new_id
from ledgerlink.tracing.spans import Silence, sampled_caller

UNTRACED = ("/health", "/static/")  # probes, and files of pages

propagator = TraceContextTextMapPropagator()


class KeptRequests(_DjangoMiddleware):
    """OpenTelemetry's middleware, for those requests alone whose spans are kept: it resolves the
    path once more and reads all headers before it finds out that they are not."""

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if is_kept(request):
            response: HttpResponse = super().__call__(request)  # type: ignore[no-untyped-call]
            return response
        silence = Silence()
        try:
            response = self.get_response(request)
        finally:
            silence.end()
        response["traceparent"] = f"00-{current_request.get().trace_id}-{new_id(8)}-00"
        return response

    def process_view(self, request: HttpRequest, *view: Any) -> None:
        if sampled_caller() is not None:
            super().process_view(request, *view)  # type: ignore[no-untyped-call]

    def process_exception(self, request: HttpRequest, exception: Exception) -> None:
        if sampled_caller() is not None:
            super().process_exception(request, exception)  # type: ignore[no-untyped-call]


def is_kept(request: HttpRequest) -> bool:
    """Whoever sends a `traceparent` has decided already; of the others, a share is."""
    if request.path_info.startswith(UNTRACED):
        return False
    if header := request.META.get("HTTP_TRACEPARENT"):
        sent = get_current_span(propagator.extract({"traceparent": header})).get_span_context()
        if sent.is_valid:
            return sent.trace_flags.sampled
    ratio: float = settings.TRACING_SAMPLE_RATIO
    return random.random() < ratio  # noqa: S311 - a sample, not a secret


def name_the_trace(span: Span, _request: HttpRequest) -> None:
    """Log lines and audit rows of the request carry the id of its span's trace."""
    context = span.get_span_context()
    if not context.is_valid:  # nothing has started
        return
    request = replace(current_request.get(), trace_id=format_trace_id(context.trace_id))
    current_request.set(request)  # undone by the middleware around
    span.set_attribute("ledger.request_id", request.request_id)


def tell_the_trace(span: Span, _request: HttpRequest, response: HttpResponse) -> None:
    """While the span is the current one."""
    propagator.inject(response)
