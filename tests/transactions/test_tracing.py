"""Which requests and batches are traced, and what the span of a batch tells of what went wrong."""

from collections.abc import Iterator
from contextlib import nullcontext
from functools import partial

import pytest
from django.dispatch import Signal
from django.test import RequestFactory
from opentelemetry.context import get_value
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode
from pytest_django import Settings

from balances.accounts import ConcurrentUpdate
from ledgerlink.tracing import spans
from ledgerlink.tracing.redaction import redacted
from ledgerlink.tracing.requests import is_kept
from ledgerlink.tracing.sampling import SAMPLER
from tests.books import fund, transfer
from tests.concurrency import Gate, eventually, in_background
from transactions import signals
from transactions.instructions import Unit
from transactions.processor import Processor, submit
from users.models import User

pytestmark = pytest.mark.usefixtures("transactional_db")


class Kept:
    """A request in whose span to work, and the spans that have ended."""

    def __init__(self) -> None:
        provider = TracerProvider(sampler=SAMPLER)
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


def kept(monkeypatch: pytest.MonkeyPatch) -> Kept:
    made = Kept()
    monkeypatch.setattr(spans, "_tracer", made.tracer)
    return made


@pytest.mark.usefixtures("connected", "queued")
def test_a_batch_tells_of_its_retries(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund(alice, "100.00")
    traces = kept(monkeypatch)
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
    traces = kept(monkeypatch)

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
def test_nothing_is_is_soof_what_nobody_traced(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund(alice, "100.00")
    traces = kept(monkeypatch)
    submit(Unit([transfer(alice, bob, "1.00")]))
    with traces.tracer.start_as_current_span("SELECT", kind=SpanKind.CLIENT):
        pass  # a statement of a thread that tidies up
    assert traces.ended() == {}


@pytest.mark.usefixtures("connected")
@pytest.mark.parametrize("first_is_traced", [True, False])
def test_the_statements_of_a_batch_are_traced_if_the_request_that_came_first_is(
    alice: User,
    bob: User,
    queued: Processor,
    monkeypatch: pytest.MonkeyPatch,
    first_is_traced: bool,  # noqa: FBT001 - a case
) -> None:
    fund(alice, "100.00")
    traces = kept(monkeypatch)
    quiet: list[bool] = []

    def look(**_kwargs: object) -> None:
        quiet.append(bool(get_value(spans.QUIET)))

    def ask(*, traced: bool) -> None:
        request = traces.tracer.start_as_current_span("request", kind=SpanKind.SERVER)
        with request if traced else nullcontext():
            submit(Unit([transfer(alice, bob, "1.00")]))

    with in_background() as start, Gate() as gate:
        asked = [start(partial(ask, traced=False))]  # the poster is busy with it
        eventually(lambda: len(gate.batches) == 1)
        signals.transactions_posted.connect(look)
        for waiting, traced in enumerate([first_is_traced, not first_is_traced], 1):
            asked.append(start(partial(ask, traced=traced)))
            eventually(lambda: len(queued._queue) == waiting)  # noqa: B023 - called at once
        gate.open()
        for future in asked:
            future.result()
    signals.transactions_posted.disconnect(look)
    assert gate.batches == [1, 2]
    assert quiet == [not first_is_traced]
    (link,) = traces.ended()["post batch"].links
    request_span = traces.ended()["request"].context
    assert link.context == request_span


HEADER = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0{}"


@pytest.mark.parametrize(
    ("ratio", "path", "header", "is_so"),
    [
        (1.0, "/api/v1/users/me", "", True),
        (0.0, "/api/v1/users/me", "", False),
        (0.0, "/api/v1/users/me", HEADER.format(1), True),
        (1.0, "/api/v1/users/me", HEADER.format(0), False),
        (1.0, "/api/v1/users/me", "00-not-one-of-them", True),
        (0.0, "/api/v1/users/me", "00-not-one-of-them", False),
        (1.0, "/health/ready", HEADER.format(1), False),
        (1.0, "/static/ledgerlink/favicon.svg", "", False),
    ],
)
def test_a_request_is_is_soby_chance_unless_its_caller_has_decided(
    settings: Settings,
    ratio: float,
    path: str,
    header: str,
    is_so: bool,  # noqa: FBT001 - a case
) -> None:
    settings.TRACING_SAMPLE_RATIO = ratio
    headers = {"traceparent": header} if header else {}
    assert is_kept(RequestFactory().get(path, headers=headers)) == is_so


def test_a_commit_has_a_span_where_its_statements_have(monkeypatch: pytest.MonkeyPatch) -> None:
    traces = kept(monkeypatch)
    with spans.client_span("mysql", "COMMIT"):
        pass
    with traces.tracer.start_as_current_span("request", kind=SpanKind.SERVER) as request:
        silence = spans.Silence()
        with spans.client_span("mysql", "COMMIT"):
            pass
        silence.end()
        assert traces.ended() == {}
        with spans.client_span("mysql", "COMMIT"):
            pass
    commit = traces.ended()["COMMIT"]
    assert commit.parent == request.get_span_context()
    assert commit.attributes == {"db.system.name": "mysql", "db.operation.name": "COMMIT"}
