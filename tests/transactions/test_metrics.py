"""What is counted of transactions, and that it is counted when committed, and only then."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db.transaction import atomic, set_rollback
from django.utils import timezone
from prometheus_client import REGISTRY

from balances.accounts import ConcurrentUpdate
from tests.api.client import CURRENT, Api
from tests.books import cancel, capture, expire, fund, hold, idempotency, in_an_hour, transfer
from tests.concurrency import Gate, eventually, in_background
from transactions import metrics
from transactions.instructions import Order, Unit
from transactions.models import Reconciliation, Transaction
from transactions.processor import Processor, submit
from transactions.reconciliation import keep, reconcile
from transactions.signals import transactions_posted
from users.models import User

pytestmark = pytest.mark.usefixtures("transactional_db")


def value(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


class Growth:
    """By how much each metric has grown since this was made."""

    def __init__(self, *asked: tuple[str, dict[str, str]]) -> None:
        self._asked = asked
        self._before = self._now()

    def _now(self) -> list[float]:
        return [value(name, **labels) for name, labels in self._asked]

    def __call__(self) -> list[float]:
        return [now - before for now, before in zip(self._now(), self._before, strict=True)]


def transactions(**labels: str) -> tuple[str, dict[str, str]]:
    return "ledger_transactions_total", labels


def ask(order: Order) -> Any:
    return submit(Unit([order]))


def test_transactions_are_counted_by_type_and_status(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    growth = Growth(
        transactions(type="transfer", status="completed"),
        transactions(type="transfer", status="failed"),
        transactions(type="transfer", status="pending"),
        transactions(type="transfer", status="cancelled"),
        ("ledger_transaction_errors_total", {"type": "transfer", "error": "insufficient_funds"}),
        ("ledger_transaction_amount_sum", {"currency": "USD"}),
        ("ledger_transaction_duration_seconds_count", {"type": "transfer"}),
        ("ledger_transaction_duration_seconds_count", {"type": "capture"}),
        ("ledger_transaction_replays_total", {"type": "transfer"}),
        ("ledger_balance_operations_total", {"operation": "update", "status": "success"}),
    )
    ask(transfer(alice, bob, "10.50"))
    ask(transfer(alice, bob, "1000.00"))
    keyed = partial(transfer, alice, bob, "1.00", idempotency=idempotency("once"))
    ask(keyed())
    ask(keyed())
    ask(transfer(alice, bob, "2.00", expires_at=in_an_hour()))
    held = Transaction.objects.get(status="pending")
    ask(capture(held))
    ask(cancel(hold(alice, bob, "3.00")))
    assert growth() == [3, 1, 2, 1, 1, 13.5, 5, 1, 1, 9]
    assert value("ledger_active_transactions", type="transfer") == 0


def test_what_is_rolled_back_is_not_counted(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    growth = Growth(transactions(type="transfer", status="completed"))
    with atomic():
        ask(transfer(alice, bob, "10.00"))
        set_rollback(True)
    assert growth() == [0]


def test_metrics_that_fail_do_not_fail_money(
    alice: User, bob: User, queued: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund(alice, "100.00")

    def fail(*_args: object) -> None:
        raise OSError("no space left")

    for name in ("count_posted", "_type_of"):
        monkeypatch.setattr(metrics, name, fail)
    for metric in (metrics._queue, metrics._batch):
        monkeypatch.setattr(metric, "inc" if metric is metrics._queue else "observe", fail)
    assert ask(transfer(alice, bob, "10.00")).outcomes[0].error is None


def test_queue_depth_tells_what_waits(alice: User, bob: User, queued: Processor) -> None:
    fund(alice, "100.00")
    growth = Growth(
        ("ledger_posting_batch_size_count", {}),
        ("ledger_posting_batch_size_sum", {}),
    )
    with in_background() as start, Gate() as gate:
        asked = [start(partial(ask, transfer(alice, bob, "1.00")))]
        eventually(lambda: len(gate.batches) == 1)
        asked += [start(partial(ask, transfer(alice, bob, "1.00"))) for _ in range(7)]
        eventually(lambda: value("ledger_posting_queue_depth") == 7)
        assert value("ledger_active_transactions", type="transfer") == 8
        gate.open()
        for future in asked:
            future.result()
    assert value("ledger_posting_queue_depth") == 0
    assert value("ledger_active_transactions", type="transfer") == 0
    eventually(lambda: growth() == [2, 8])


def test_an_attempt_that_failed_is_counted_by_its_reason(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    growth = Growth(
        ("ledger_posting_retries_total", {"reason": "collision"}),
        ("ledger_posting_retries_total", {"reason": "error"}),
        ("ledger_posting_batch_size_count", {}),
    )
    attempts = iter([ConcurrentUpdate, ConcurrentUpdate])

    def meet_another_writer(**_kwargs: Any) -> None:
        for error in attempts:
            raise error

    transactions_posted.connect(meet_another_writer)
    try:
        ask(transfer(alice, bob, "10.00"))
    finally:
        transactions_posted.disconnect(meet_another_writer)
    assert growth() == [2, 0, 1]


def stored() -> dict[tuple[str, ...], float]:
    sources = (metrics.pending_transactions, metrics.last_reconciliation)
    return {
        (sample.name, *sample.labels.values()): sample.value
        for source in sources
        for metric in source()
        for sample in metric.samples
    }


def test_stored_figures_tell_of_what_is_pending_and_proved(alice: User, bob: User) -> None:
    assert stored() == {
        ("ledger_pending_transactions",): 0,
        ("ledger_pending_overdue_seconds",): 0,
        ("ledger_reconcile_last_run_timestamp_seconds",): 0,
        ("ledger_reconcile_duration_seconds",): 0,
    }
    fund(alice, "100.00")
    hold(alice, bob, "1.00")
    found = stored()
    assert found[("ledger_pending_transactions",)] == 1
    assert found[("ledger_pending_overdue_seconds",)] == 0
    expire(hold(alice, bob, "1.00"))
    keep(reconcile(), started_at=timezone.now(), took=timedelta(seconds=2.5))
    found = stored()
    assert found[("ledger_pending_transactions",)] == 2
    assert 1 <= found[("ledger_pending_overdue_seconds",)] < 60
    assert found[("ledger_reconcile_duration_seconds",)] == 2.5
    assert [found[("ledger_reconcile_breaches", str(number))] for number in range(1, 8)] == [0] * 7
    assert Reconciliation.objects.count() == 1


def test_reads_of_balances_tell_cache_from_database(alice: User) -> None:
    fund(alice, "100.00")
    growth = Growth(
        ("ledger_balance_operations_total", {"operation": "read", "status": "cache_hit"}),
        ("ledger_balance_operations_total", {"operation": "read", "status": "db_hit"}),
    )
    for _ in range(3):
        Api(alice).get(CURRENT)
    assert sum(growth()) == 3
    assert growth()[1] >= 1
