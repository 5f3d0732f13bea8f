"""What leaves the process of a span: nothing that a caller sent."""

from collections.abc import Sequence

from opentelemetry.sdk.trace import Event, ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanKind, Status

# Of a request. Its path, query, addresses and user agent say who asked for whom.
KEPT = frozenset(
    {
        "error.type",
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "ledger.request_id",
        "network.protocol.version",
        "url.scheme",
    }
)


class RedactingSpanProcessor(BatchSpanProcessor):
    """Sends spans in batches, from a thread of its own, without what is not to be told."""

    def on_end(self, span: ReadableSpan) -> None:
        if span.context is not None and span.context.trace_flags.sampled:
            super().on_end(redacted(span))


def redacted(span: ReadableSpan) -> ReadableSpan:
    """The messages of exceptions quote values of the database; their types do not."""
    if span.kind is not SpanKind.SERVER and not span.status.description and not span.events:
        return span
    attributes = dict(span.attributes or {})
    if span.kind is SpanKind.SERVER:
        attributes = {name: value for name, value in attributes.items() if name in KEPT}
    return ReadableSpan(
        name=span.name,
        context=span.context,
        parent=span.parent,
        resource=span.resource,
        attributes=attributes,
        events=_without_messages(span.events),
        links=span.links,
        kind=span.kind,
        status=Status(span.status.status_code),
        start_time=span.start_time,
        end_time=span.end_time,
        instrumentation_scope=span.instrumentation_scope,
    )


def _without_messages(events: Sequence[Event]) -> list[Event]:
    told = []
    for event in events:
        attributes = dict(event.attributes or {})
        if event.name == "exception":
            attributes = {"exception.type": attributes.get("exception.type", "")}
        told.append(Event(event.name, attributes, event.timestamp))
    return told
