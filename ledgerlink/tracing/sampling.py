"""Which spans are kept."""

from collections.abc import Sequence

from opentelemetry.context import Context
from opentelemetry.sdk.trace.sampling import Decision, ParentBased, Sampler, SamplingResult
from opentelemetry.trace import Link, SpanKind, TraceState
from opentelemetry.util.types import Attributes


class Beginnings(Sampler):
    """Of traces that begin here: requests, of which only those come this far that are to be kept
    (`ledgerlink.tracing.requests`), and what is linked to one of them. A statement that nobody
    asked for (of a thread that tidies up, of a probe) is no trace."""

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
        kept = kind is SpanKind.SERVER or any(
            link.context.trace_flags.sampled for link in links or ()
        )
        return SamplingResult(Decision.RECORD_AND_SAMPLE if kept else Decision.DROP, attributes)

    def get_description(self) -> str:
        return "Beginnings"


SAMPLER = ParentBased(Beginnings())
