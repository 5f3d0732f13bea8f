"""Whether there are traces. Imports nothing of OpenTelemetry, so that being off costs nothing."""

from collections.abc import Iterator
from importlib.util import find_spec

from django.conf import settings


def is_on() -> bool:
    """False as well where the packages are not installed, which a system check refuses."""
    return settings.TRACING_ENABLED and not lacking()


def lacking() -> list[str]:
    """The packages that are needed and not installed."""
    return [name for name in _needed() if not _is_there(name)]


def _needed() -> Iterator[str]:
    yield "opentelemetry.sdk"
    yield "opentelemetry.exporter.otlp.proto.http"
    yield "opentelemetry.instrumentation.django"
    yield "opentelemetry.instrumentation." + ("mysqlclient" if settings.DB_HOST else "sqlite3")
    if settings.REDIS_HOST:
        yield "opentelemetry.instrumentation.redis"


def _is_there(name: str) -> bool:
    try:
        return find_spec(name) is not None
    except ModuleNotFoundError:  # of a package above it
        return False
