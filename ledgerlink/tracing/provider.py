"""Sends the spans of this process to a collector, by OTLP over HTTP.

A collector that is slow, or gone, costs spans and nothing else: at most QUEUE_SIZE of them wait,
the thread that sends them waits alone, and the process does not wait for it to end.
"""

import atexit
import os
import socket
import threading

from django.conf import settings
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import SpanLimits, TracerProvider

from ledgerlink import __version__
from ledgerlink.tracing.redaction import RedactingSpanProcessor
from ledgerlink.tracing.sampling import SAMPLER

QUEUE_SIZE = 4096  # spans; the oldest are dropped
BATCH_SIZE = 512  # spans in one export
DELAY_SECONDS = 1.0  # between two exports
EXPORT_SECONDS = 2.0  # for one export, its retries included
STOP_SECONDS = 1.0  # for what waits when the process ends
STATEMENT_LENGTH = 2048  # characters: the INSERT of a large batch has a hundred thousand


def start() -> None:
    """Once in each process that serves, after it was forked: a thread does not outlive a fork."""
    provider = TracerProvider(
        sampler=SAMPLER,
        resource=_resource(),
        span_limits=SpanLimits(max_attribute_length=STATEMENT_LENGTH),
        shutdown_on_exit=False,
    )
    endpoint = settings.OTLP_ENDPOINT.rstrip("/") + "/v1/traces"
    provider.add_span_processor(
        RedactingSpanProcessor(
            OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_SECONDS),
            max_queue_size=QUEUE_SIZE,
            max_export_batch_size=BATCH_SIZE,
            schedule_delay_millis=DELAY_SECONDS * 1000,
        )
    )
    trace.set_tracer_provider(provider)
    atexit.register(_stop, provider)


def _resource() -> Resource:
    return Resource.create(
        {
            "service.name": settings.OTEL_SERVICE_NAME,
            "service.version": __version__,
            "service.instance.id": f"{socket.gethostname()}:{os.getpid()}",
            "deployment.environment.name": settings.APP_ENV,
        }
    )


def _stop(provider: TracerProvider) -> None:
    """Whatever a collector that is gone would take, the process ends."""
    stopping = threading.Thread(target=provider.shutdown, name="stop-tracing", daemon=True)
    stopping.start()
    stopping.join(STOP_SECONDS)
