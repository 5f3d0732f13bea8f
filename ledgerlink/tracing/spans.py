"""Spans of our own: of commits and Redis, and of what begins in one function and ends elsewhere."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import Token

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach, get_value, set_value
from opentelemetry.trace import Link, Span, SpanContext, SpanKind, StatusCode
from opentelemetry.util.types import AttributeValue

Mark = SpanContext  # by which other spans can be linked to one

QUIET = "suppress_instrumentation"  # OpenTelemetry's own word

_tracer = trace.get_tracer("ledgerlink")


def sampled_caller() -> Mark | None:
    """The span of whoever runs here, unless it is not kept."""
    span = trace.get_current_span()
    return span.get_span_context() if span.is_recording() else None


class Silence:
    """From now until it ends nothing is watched in this thread: a span that nobody keeps costs half
    of one that is kept. Spans of our own are made all the same."""

    def __init__(self) -> None:
        self._token = attach(set_value(QUIET, True))

    def end(self) -> None:
        detach(self._token)


@contextmanager
def client_span(system: str, operation: str) -> Iterator[None]:
    """Like that of a statement; `system` is the database's, as Django calls it, or "redis"."""
    if sampled_caller() is None or get_value(QUIET):
        yield
        return
    told = {"db.system.name": system, "db.operation.name": operation}
    with _tracer.start_as_current_span(operation, kind=SpanKind.CLIENT, attributes=told):
        yield


class OpenSpan:
    """A span that is under way. `current`: what is done in this thread until it ends is its part;
    it must then end in the same thread."""

    def __init__(
        self,
        name: str,
        *,
        links: Iterable[Mark] = (),
        current: bool = False,
        **attributes: AttributeValue,
    ) -> None:
        self._span: Span = _tracer.start_span(
            name,
            links=[Link(mark) for mark in links],
            attributes={f"ledger.{key}": value for key, value in attributes.items()},
        )
        self._token: Token[Context] | None = None
        if current:
            self._token = attach(trace.set_span_in_context(self._span))

    @property
    def mark(self) -> Mark:
        return self._span.get_span_context()

    def link(self, other: Mark) -> None:
        self._span.add_link(other)

    def note(self, event: str, **attributes: AttributeValue) -> None:
        """That something happened, now."""
        self._span.add_event(event, {f"ledger.{key}": value for key, value in attributes.items()})

    def end(self, *, failure: str = "", **attributes: AttributeValue) -> None:
        """`failure`: the code of what went wrong."""
        for key, value in attributes.items():
            self._span.set_attribute(f"ledger.{key}", value)
        if failure:
            self._span.set_attribute("error.type", failure)
            self._span.set_status(StatusCode.ERROR)
        if self._token is not None:
            detach(self._token)
        self._span.end()
