"""Metrics of transactions: what became of them, and how posting goes.

Connected only while PROMETHEUS_ENABLED. What moved is counted once it is committed.
"""

import time
from collections import Counter as Tally
from collections.abc import Iterable, Sequence
from functools import lru_cache
from itertools import product
from typing import Any

from django.db.models import Count, Min
from django.db.transaction import on_commit
from django.dispatch import receiver
from prometheus_client import Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric

from balances.currencies import currencies
from ledgerlink.errors import LedgerError
from ledgerlink.metrics.stored import stored
from transactions.batches import Result
from transactions.enums import FailureReason, TransactionStatus, TransactionType
from transactions.instructions import (
    Instruction,
    Order,
    Posted,
    Reversal,
    Settlement,
    StatusChange,
    Unit,
)
from transactions.models import Reconciliation, Transaction
from transactions.signals import (
    attempt_failed,
    batch_posted,
    queue_changed,
    transactions_posted,
    unit_answered,
    unit_submitted,
)

BATCH = "batch"  # the type of several orders that are answered together
CRASH = "internal_error"  # what has no code of its own

_transactions = Counter(
    "ledger_transactions_total",
    "Transactions by what became of them; a captured one counts as pending, then as completed.",
    ["type", "status"],
)
_amount = Histogram(
    "ledger_transaction_amount",
    "Amounts of completed transactions, in units of their currency (dollars, not cents).",
    ["currency"],
    buckets=(1, 10, 100, 1_000, 10_000, 100_000, 1_000_000),
)
_errors = Counter(
    "ledger_transaction_errors_total", "Orders that were refused or failed.", ["type", "error"]
)
_replays = Counter(
    "ledger_transaction_replays_total",
    "Orders answered with what their idempotency key had been used for.",
    ["type"],
)
_duration = Histogram(
    "ledger_transaction_duration_seconds",
    "From handing orders to the posting engine to its answer: waiting, posting, commit.",
    ["type"],
    buckets=(0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
_active = Gauge(
    "ledger_active_transactions",
    "Callers who wait for the posting engine.",
    ["type"],
    multiprocess_mode="livesum",
)
_queue = Gauge(
    "ledger_posting_queue_depth",
    "Orders that wait for the poster.",
    multiprocess_mode="livesum",
)
_batch = Histogram(
    "ledger_posting_batch_size",
    "Orders in one database transaction.",
    buckets=(1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000),
)
_update = Histogram(
    "ledger_balance_update_duration_seconds",
    "One database transaction: balances locked, changed, committed.",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
_retries = Counter(
    "ledger_posting_retries_total",
    "Attempts to post a batch that failed; what can be is tried again, whole or in parts.",
    ["reason"],
)

_transactions_of = lru_cache(maxsize=256)(_transactions.labels)
_amount_of = lru_cache(maxsize=256)(_amount.labels)
_active_of = lru_cache(maxsize=16)(_active.labels)
_duration_of = lru_cache(maxsize=16)(_duration.labels)

# What never happened yet is 0, so that the first time is an increase.
for _labels in product(TransactionType.values, TransactionStatus.values):
    _transactions_of(*_labels)
for _reason in FailureReason:
    _retries.labels(_reason)


@receiver(transactions_posted, dispatch_uid="transactions.metrics.posted")
def count_when_committed(posted: Sequence[Posted], **_kwargs: Any) -> None:
    on_commit(lambda: count_posted(posted), robust=True)


def count_posted(posted: Sequence[Posted]) -> None:
    tally = Tally((p.transaction.type, p.transaction.status) for p in posted)
    for labels, number in tally.items():
        _transactions_of(*labels).inc(number)
    for p in posted:
        if p.transaction.status == TransactionStatus.COMPLETED:
            _amount_of(p.transaction.currency).observe(
                p.transaction.amount / 10 ** currencies().get(p.transaction.currency, 0)
            )


@receiver(unit_submitted, dispatch_uid="transactions.metrics.submitted")
def note_submitted(unit: Unit, **_kwargs: Any) -> None:
    _active_of(_type_of(unit)).inc()


@receiver(unit_answered, dispatch_uid="transactions.metrics.answered")
def note_answered(unit: Unit, result: Result, seconds: float, **_kwargs: Any) -> None:
    kind = _type_of(unit)
    _active_of(kind).dec()
    _duration_of(kind).observe(seconds)
    if isinstance(result, Exception):
        _errors.labels(kind, _code_of(result)).inc()
        return
    if result.error is not None:
        _errors.labels(kind, _code_of(result.error)).inc()
    if result.replayed:
        _replays.labels(kind).inc()
    for order, outcome in zip(unit.orders, result.outcomes, strict=False):  # a replay has none
        if outcome.replayed:
            _replays.labels(_type_of_order(order)).inc()
        elif outcome.error is not None:
            _errors.labels(_type_of_order(order), _code_of(outcome.error)).inc()


def _type_of(unit: Unit) -> str:
    return _type_of_order(unit.orders[0]) if len(unit.orders) == 1 else BATCH


def _type_of_order(order: Order) -> str:
    match order:
        case Instruction():
            return str(order.type)
        case Reversal():
            return "reversal"
        case Settlement():
            return "cancel" if order.capture_amount == 0 else "capture"
        case StatusChange():
            return "status_change"


def _code_of(error: Exception) -> str:
    return error.code if isinstance(error, LedgerError) else CRASH


@receiver(queue_changed, dispatch_uid="transactions.metrics.queue")
def note_queue(by: int, **_kwargs: Any) -> None:
    _queue.inc(by)


@receiver(batch_posted, dispatch_uid="transactions.metrics.batch")
def note_batch(units: Sequence[Unit], seconds: float, **_kwargs: Any) -> None:
    _batch.observe(sum(len(unit.orders) for unit in units))
    _update.observe(seconds)


@receiver(attempt_failed, dispatch_uid="transactions.metrics.failed")
def note_failure(reason: FailureReason, **_kwargs: Any) -> None:
    _retries.labels(reason).inc()


@stored(keep=15)
def pending_transactions() -> Iterable[Metric]:
    pending = Transaction.objects.filter(status=TransactionStatus.PENDING)
    found = pending.aggregate(number=Count("pk"), first=Min("expires_at"))
    overdue = time.time() - found["first"].timestamp() if found["first"] else 0.0
    yield GaugeMetricFamily(
        "ledger_pending_transactions", "Pending transactions.", value=found["number"]
    )
    yield GaugeMetricFamily(
        "ledger_pending_overdue_seconds",
        "For how long the pending transaction that expired first has held its money since.",
        value=max(overdue, 0.0),
    )


@stored(keep=15)
def last_reconciliation() -> Iterable[Metric]:
    """All 0 while the books were never proved."""
    last = Reconciliation.objects.order_by("-pk").first()
    yield GaugeMetricFamily(
        "ledger_reconcile_last_run_timestamp_seconds",
        "When the books were last proved, since the epoch.",
        value=last.started_at.timestamp() if last else 0.0,
    )
    yield GaugeMetricFamily(
        "ledger_reconcile_duration_seconds",
        "How long that took.",
        value=last.duration_ms / 1000 if last else 0.0,
    )
    breaches = GaugeMetricFamily(
        "ledger_reconcile_breaches",
        "What breaks each of the seven invariants, as of that run.",
        labels=["invariant"],
    )
    for proof in last.proofs if last else []:
        breaches.add_metric([str(proof["number"])], proof["breaches"])
    yield breaches
