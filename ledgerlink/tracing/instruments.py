"""Watches requests, SQL statements and Redis, by OpenTelemetry's instrumentations.

Before the WSGI application is made, whose middlewares are then fixed. Nothing is recorded until
`ledgerlink.tracing.provider` has started in the process.
"""

import os
from dataclasses import replace

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.propagate import set_global_textmap
from opentelemetry.trace import Span, format_trace_id
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from ledgerlink.context import current_request
from ledgerlink.tracing.spans import be_quiet

# Inside of it, a request has an id and will have its line in the log; the id of its trace takes the
# place of the one that was made up.
OUTER_MIDDLEWARE = "ledgerlink.request_log.RequestLogMiddleware"
UNTRACED = "/health,/static/"  # probes, and files of pages

propagator = TraceContextTextMapPropagator()


def instrument() -> None:
    """Imports the instrumentation of what is in use: that of mysqlclient needs mysqlclient."""
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")  # the stable names
    set_global_textmap(propagator)
    _watch_requests()
    _watch_database()
    if settings.REDIS_HOST:
        from opentelemetry.instrumentation.redis import RedisInstrumentor  # noqa: PLC0415

        RedisInstrumentor().instrument()


def _watch_requests() -> None:
    DjangoInstrumentor().instrument(
        excluded_urls=UNTRACED,
        middleware_position=settings.MIDDLEWARE.index(OUTER_MIDDLEWARE) + 1,
        request_hook=name_the_trace,
        response_hook=tell_the_trace,
    )


def _watch_database() -> None:
    if settings.DB_HOST:
        from opentelemetry.instrumentation.mysqlclient import (  # noqa: PLC0415
            MySQLClientInstrumentor,
        )

        MySQLClientInstrumentor().instrument()
    else:
        from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor  # noqa: PLC0415

        SQLite3Instrumentor().instrument()


def name_the_trace(span: Span, _request: HttpRequest) -> None:
    """Log lines and audit rows of the request carry the id of its span's trace."""
    context = span.get_span_context()
    if not context.is_valid:  # nothing has started
        return
    request = replace(current_request.get(), trace_id=format_trace_id(context.trace_id))
    current_request.set(request)  # undone by the middleware around
    if span.is_recording():
        span.set_attribute("ledger.request_id", request.request_id)
    else:
        be_quiet()  # undone with the request's own span


def tell_the_trace(span: Span, _request: HttpRequest, response: HttpResponse) -> None:
    """While the span is the current one."""
    propagator.inject(response)
