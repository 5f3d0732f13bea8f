"""System checks of the settings for traces."""

from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core import checks

from ledgerlink.tracing.switch import lacking


@checks.register("ledgerlink")
def check_tracing(**_kwargs: Any) -> list[checks.CheckMessage]:
    if not settings.TRACING_ENABLED:
        return []
    found: list[checks.CheckMessage] = []
    if missing := lacking():
        found.append(
            checks.Error(
                f"TRACING_ENABLED is on, but {', '.join(missing)} can't be imported.",
                hint="Install requirements.txt, which has OpenTelemetry, or turn tracing off.",
                id="ledgerlink.E013",
            )
        )
    if not _is_base_url(settings.OTLP_ENDPOINT):
        found.append(
            checks.Error(
                f"OTEL_EXPORTER_OTLP_ENDPOINT is {settings.OTLP_ENDPOINT!r}.",
                hint="Give the base URL of a collector that takes OTLP over HTTP, such as "
                "http://127.0.0.1:4318; /v1/traces is added to it.",
                id="ledgerlink.E014",
            )
        )
    return found


def _is_base_url(text: str) -> bool:
    try:
        url = urlsplit(text)
        _ = url.port
    except ValueError:
        return False
    given_twice = url.path.endswith("/v1/traces")
    return url.scheme in {"http", "https"} and bool(url.hostname) and not given_twice
