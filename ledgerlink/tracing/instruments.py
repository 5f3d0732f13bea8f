"""Watches requests, SQL statements and Redis, by OpenTelemetry's instrumentations.

Before the WSGI application is made, whose middlewares are then fixed. Nothing is recorded until
`ledgerlink.tracing.provider` has started in the process.
"""

import os
from functools import wraps
from typing import Any

from django.conf import settings
from django.db.backends.base.base import BaseDatabaseWrapper
from opentelemetry.instrumentation.django import DjangoInstrumentor
from opentelemetry.propagate import set_global_textmap

from ledgerlink.tracing.requests import name_the_trace, propagator, tell_the_trace
from ledgerlink.tracing.spans import client_span

# Inside of it, a request has an id and will have its line in the log; the id of its trace takes the
# place of the one that was made up.
OUTER_MIDDLEWARE = "ledgerlink.request_log.RequestLogMiddleware"
THEIR_MIDDLEWARE = DjangoInstrumentor._opentelemetry_middleware  # noqa: SLF001 - it has no other name
OUR_MIDDLEWARE = "ledgerlink.tracing.requests.KeptRequests"


def instrument() -> None:
    """Imports the instrumentation of what is in use: that of mysqlclient needs mysqlclient."""
    os.environ.setdefault("OTEL_SEMCONV_STABILITY_OPT_IN", "http,database")  # the stable names
    set_global_textmap(propagator)
    _watch_requests()
    _watch_database()
    if settings.REDIS_HOST:
        from opentelemetry.instrumentation.redis import RedisInstrumentor  # noqa: PLC0415

        RedisInstrumentor().instrument()
        _watch_redis_line()


def _watch_requests() -> None:
    place = settings.MIDDLEWARE.index(OUTER_MIDDLEWARE) + 1
    DjangoInstrumentor().instrument(
        middleware_position=place, request_hook=name_the_trace, response_hook=tell_the_trace
    )
    assert settings.MIDDLEWARE[place] == THEIR_MIDDLEWARE
    settings.MIDDLEWARE[place] = OUR_MIDDLEWARE


def _watch_database() -> None:
    if settings.DB_HOST:
        from opentelemetry.instrumentation.mysqlclient import (  # noqa: PLC0415
            MySQLClientInstrumentor,
        )

        MySQLClientInstrumentor().instrument()
    else:
        from opentelemetry.instrumentation.sqlite3 import SQLite3Instrumentor  # noqa: PLC0415

        SQLite3Instrumentor().instrument()
    _watch_commits()


def _watch_redis_line() -> None:
    """The instrumentation watches redis-py's client, which most commands do without."""
    from ledgerlink.redis_line import RedisLine  # noqa: PLC0415 - not installed embedded

    ask = RedisLine.ask

    @wraps(ask)
    def ask_in_a_span(asked: RedisLine, *command: Any) -> Any:
        with client_span("redis", str(command[0])):
            return ask(asked, *command)

    line: Any = RedisLine
    line.ask = ask_in_a_span


def _watch_commits() -> None:
    """The instrumentations watch statements alone; a commit, which waits for the disk, is none."""
    database: Any = BaseDatabaseWrapper
    commit = database._commit  # noqa: SLF001 - below it there are only drivers

    @wraps(commit)
    def commit_in_a_span(connection: BaseDatabaseWrapper) -> None:
        with client_span(connection.vendor, "COMMIT"):
            commit(connection)

    database._commit = commit_in_a_span  # noqa: SLF001
