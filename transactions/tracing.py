"""The spans of posting: of each caller who waits, and of each batch that serves some of them.

Connected only while there are traces. A batch is a trace of its own, since it serves several
requests; it is linked to those that are traced, and theirs are linked to it
(docs/adr/0015-batches-are-linked.md). One that serves none of them is not traced. Its statements
are only if the request that came first is: under load, most batches serve one that is traced.
"""

from collections.abc import Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from django.dispatch import receiver

from ledgerlink.errors import LedgerError
from ledgerlink.tracing.spans import Mark, OpenSpan, Silence, sampled_caller
from transactions.batches import Result
from transactions.enums import FailureReason
from transactions.instructions import Unit
from transactions.signals import (
    attempt_failed,
    batch_answered,
    batch_taken,
    unit_answered,
    unit_submitted,
)


@dataclass(frozen=True, slots=True)
class _Waiting:
    """A caller: the span of the request, and that of waiting for the poster."""

    request: Mark
    span: OpenSpan


@dataclass(slots=True)
class _Batch:
    span: OpenSpan
    retries: int = 0


# By the identity of the unit, which its caller holds as long as it waits.
_waiting: dict[int, _Waiting] = {}
_batch: ContextVar[_Batch | None] = ContextVar("_batch", default=None)
_silence: ContextVar[Silence | None] = ContextVar("_silence", default=None)


@receiver(unit_submitted, dispatch_uid="transactions.tracing.submitted")
def begin_waiting(unit: Unit, **_kwargs: Any) -> None:
    request = sampled_caller()
    if request is not None:
        span = OpenSpan("wait for posting", orders=len(unit.orders))
        _waiting[id(unit)] = _Waiting(request, span)


@receiver(unit_answered, dispatch_uid="transactions.tracing.answered")
def end_waiting(unit: Unit, result: Result, **_kwargs: Any) -> None:
    waiting = _waiting.pop(id(unit), None)
    if waiting is None:
        return
    if isinstance(result, Exception):
        waiting.span.end(failure=_code_of(result))
    else:
        waiting.span.end(replayed=result.replayed)


def _code_of(error: Exception) -> str:
    return error.code if isinstance(error, LedgerError) else type(error).__name__


@receiver(batch_taken, dispatch_uid="transactions.tracing.taken")
def begin_batch(units: Sequence[Unit], **_kwargs: Any) -> None:
    served = [_waiting[id(unit)] for unit in units if id(unit) in _waiting]
    if not served and sampled_caller() is None:
        _silence.set(Silence())
        return
    span = OpenSpan(
        "post batch",
        links=[waiting.request for waiting in served],
        current=True,
        batch_requests=len(units),
        batch_orders=sum(len(unit.orders) for unit in units),
    )
    for waiting in served:
        waiting.span.link(span.mark)
    _batch.set(_Batch(span))
    came_first = id(units[0]) in _waiting
    if served and not came_first:
        _silence.set(Silence())


@receiver(attempt_failed, dispatch_uid="transactions.tracing.failed")
def note_failure(reason: FailureReason, **_kwargs: Any) -> None:
    if batch := _batch.get():
        batch.retries += 1
        batch.span.note("attempt failed", reason=str(reason))


@receiver(batch_answered, dispatch_uid="transactions.tracing.done")
def end_batch(**_kwargs: Any) -> None:
    if silence := _silence.get():
        silence.end()
        _silence.set(None)
    if batch := _batch.get():
        batch.span.end(batch_retries=batch.retries)
        _batch.set(None)
