"""What the span of a batch tells of what went wrong."""

from collections.abc import Iterator

import pytest
from django.dispatch import Signal
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from balances.accounts import ConcurrentUpdate
from ledgerlink.tracing import spans
from ledgerlink.tracing.redaction import redacted
from ledgerlink.tracing.sampling import sampler
from tests.books import fund, transfer
from transactions import signals
from transactions.instructions import Unit
from transactions.processor import submit
from users.models import User

pytestmark = pytest.mark.usefixtures("transactional_db")


class Kept:
    """A request in whose span to work, and the spans that have ended."""

    def __init__(self, ratio: float) -> None:
        provider = TracerProvider(sampler=sampler(ratio))
        self._exporter = InMemorySpanExporter()
        provider.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.tracer = provider.get_tracer("tests")

    def ended(self) -> dict[str, ReadableSpan]:
        return {span.name: span for span in self._exporter.get_finished_spans()}


@pytest.fixture
def connected() -> Iterator[None]:
    """Its receivers are, for the time of the test."""
    from transactions import tracing

    receivers: dict[Signal, object] = {
        signals.unit_submitted: tracing.begin_waiting,
        signals.unit_answered: tracing.end_waiting,
        signals.batch_taken: tracing.begin_batch,
        signals.attempt_failed: tracing.note_failure,
        signals.batch_answered: tracing.end_batch,
    }
    names = ["submitted", "answered", "taken", "failed", "done"]
    for (signal, receiver), name in zip(receivers.items(), names, strict=True):
        signal.connect(receiver, dispatch_uid=f"transactions.tracing.{name}")  # type: ignore[arg-type]
    yield
    for signal, name in zip(receivers, names, strict=True):
        assert signal.disconnect(dispatch_uid=f"transactions.tracing.{name}")


def kept(monkeypatch: pytest.MonkeyPatch, ratio: float) -> Kept:
    made = Kept(ratio)
    monkeypatch.setattr(spans, "_tracer", made.tracer)
    return made


@pytest.mark.usefixtures("connected", "queued")
def test_a_batch_tells_of_its_retries(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund(alice, "100.00")
    traces = kept(monkeypatch, ratio=1)
    attempts = iter([ConcurrentUpdate, ConcurrentUpdate])

    def meet_another(**_kwargs: object) -> None:
        for error in attempts:
            raise error

    signals.transactions_posted.connect(meet_another)
    try:
        with traces.tracer.start_as_current_span("request", kind=SpanKind.SERVER) as request:
            submit(Unit([transfer(alice, bob, "1.00")]))
    finally:
        signals.transactions_posted.disconnect(meet_another)
    batch = traces.ended()["post batch"]
    assert batch.attributes is not None
    assert batch.attributes["ledger.batch_retries"] == 2
    assert [event.attributes for event in batch.events] == [{"ledger.reason": "collision"}] * 2
    assert [link.context for link in batch.links] == [request.get_span_context()]


@pytest.mark.usefixtures("connected")
def test_a_refused_caller_is_told_by_its_code(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    traces = kept(monkeypatch, ratio=1)

    def crash(**_kwargs: object) -> None:
        raise ValueError("Alice has nothing")

    signals.transactions_posted.connect(crash)
    try:
        with (
            pytest.raises(ValueError, match="Alice"),
            traces.tracer.start_as_current_span("request", kind=SpanKind.SERVER),
        ):
            submit(Unit([transfer(alice, bob, "1.00")]))
    finally:
        signals.transactions_posted.disconnect(crash)
    waiting = traces.ended()["wait for posting"]
    assert waiting.attributes == {"ledger.orders": 1, "error.type": "ValueError"}
    assert waiting.status.status_code is StatusCode.ERROR
    told = redacted(traces.ended()["request"])
    assert told.status.description is None
    assert [event.attributes for event in told.events] == [{"exception.type": "ValueError"}]


@pytest.mark.usefixtures("connected", "queued")
def test_nothing_is_kept_of_what_nobody_traced(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund(alice, "100.00")
    traces = kept(monkeypatch, ratio=0)
    submit(Unit([transfer(alice, bob, "1.00")]))
    with traces.tracer.start_as_current_span("request", kind=SpanKind.SERVER):
        submit(Unit([transfer(alice, bob, "1.00")]))
    with traces.tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT):
        pass  # a statement of a thread that tidies up
    assert traces.ended() == {}
