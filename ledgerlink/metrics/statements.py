"""Counts and times SQL statements and new connections, under django-prometheus' names.

On Django's own hooks: django-prometheus' database backends make a class for each cursor.
"""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.backends.signals import connection_created
from django.dispatch import receiver
from django_prometheus.db import connections_total, errors_total, query_duration_seconds

from ledgerlink.metrics.recording import unfailing

_duration = lru_cache(query_duration_seconds.labels)


@receiver(connection_created, dispatch_uid="metrics.measure_statements")
def measure_statements(connection: BaseDatabaseWrapper, **_kwargs: Any) -> None:
    """Sent each time that a thread connects, also when it does so again."""
    count_connection(connection.alias, connection.vendor)
    if measured not in connection.execute_wrappers:
        connection.execute_wrappers.append(measured)


def measured(
    execute: Callable[..., Any],
    sql: str,
    params: Any,
    many: bool,  # noqa: FBT001 - Django's
    context: dict[str, Any],
) -> Any:
    labels = context["connection"].alias, context["connection"].vendor
    started = time.perf_counter()
    try:
        return execute(sql, params, many, context)
    except Exception as error:
        count_error(*labels, type(error).__name__)
        raise
    finally:
        observe(*labels, time.perf_counter() - started)


@unfailing
def count_connection(alias: str, vendor: str) -> None:
    connections_total.labels(alias, vendor).inc()


@unfailing
def count_error(alias: str, vendor: str, error: str) -> None:
    errors_total.labels(alias, vendor, error).inc()


@unfailing
def observe(alias: str, vendor: str, seconds: float) -> None:
    _duration(alias, vendor).observe(seconds)
