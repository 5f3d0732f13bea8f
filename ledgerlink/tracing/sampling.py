"""Which spans are kept."""

from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import (
    Decision,
    ParentBased,
    Sampler,
    SamplingResult,
    TraceIdRatioBased,
)
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes


class Beginnings(Sampler):
    """Of traces that begin here: a share of the requests, and what is linked to one of those. A
    statement that nobody asked for (of a thread that tidies up, of a probe) is no trace."""

    def __init__(self, ratio: float) -> None:
        """`ratio` is from 0 to 1."""
        self._requests = TraceIdRatioBased(ratio)

    def should_sample(  # noqa: PLR0917 - OpenTelemetry's
        self,
        parent_context: Context | None,
        trace_id: int,
        name: str,
        kind: SpanKind | None = None,
        attributes: Attributes | None = None,
        links: Sequence[Link] | None = None,
        trace_state: TraceState | None = None,
    ) -> SamplingResult:
        if kind is SpanKind.SERVER:
            return self._requests.should_sample(
                parent_context, trace_id, name, kind, attributes, links, trace_state
            )
        kept = any(link.context.trace_flags.sampled for link in links or ())
        return SamplingResult(Decision.RECORD_AND_SAMPLE if kept else Decision.DROP, attributes)

    def get_description(self) -> str:
        return f"Beginnings{{{self._requests.get_description()}}}"


def sampler(ratio: float) -> Sampler:
    """Whoever sends a `traceparent` has decided already."""
    return ParentBased(Beginnings(ratio))
