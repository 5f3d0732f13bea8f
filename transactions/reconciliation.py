"""Proving the books, whole: the proofs that need transactions, and all seven in one view."""

from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from balances.money import format_amount
from balances.reconciliation import (
    Proof,
    Row,
    excess,
    names_of_balances,
    prove,
    prove_balances_equal_their_entries,
    prove_entries_sum_to_zero,
    prove_history_is_gapless,
    prove_no_user_is_overdrawn,
    read_total,
    total,
)
from ledgerlink.operators import operator
from ledgerlink.snapshot import consistent_snapshot
from transactions.models import Reconciliation


def prove_held_equals_pending() -> Proof:
    def describe(rows: Sequence[Row]) -> Iterator[str]:
        names = names_of_balances([row[0] for row in rows])
        for pk, currency, held, pending in rows:
            waiting = format_amount(read_total(pending or 0), currency)
            yield f"{names[pk]} holds {format_amount(held, currency)} for {waiting} pending"

    return prove(
        3,
        "What is held equals the pending transactions of each balance",
        checked="SELECT COUNT(*) FROM balances_balance",
        breaches=f"""
            SELECT b.id, b.currency, b.held, p.summed FROM balances_balance b
            LEFT JOIN (
                SELECT t.source_id, {total("t.amount")} AS summed,
                    {excess("t.amount", "s.held")} AS excess
                FROM transactions_transaction t JOIN balances_balance s ON s.id = t.source_id
                WHERE t.status = 'pending' GROUP BY t.source_id, s.held
            ) p ON p.source_id = b.id
            WHERE COALESCE(p.excess, -b.held) <> 0 ORDER BY b.id""",  # noqa: S608 - ours
        describe=describe,
    )


def prove_completed_have_two_entries() -> Proof:
    def describe(rows: Sequence[Row]) -> Iterator[str]:
        for found, status, entry in rows:
            pk = UUID(str(found))
            if status != "completed":
                yield f"transaction {pk} is {status or 'missing'}, but has entry {entry}"
            elif entry is None:
                yield f"transaction {pk} lacks an entry of its amount on one of its balances"
            else:
                yield f"transaction {pk} has entry {entry} on another balance than its two"

    return prove(
        6,
        "Each completed transaction has its two entries, every other has none",
        checked="SELECT COUNT(*) FROM transactions_transaction",
        breaches="""
            SELECT t.id, t.status, NULL AS entry FROM transactions_transaction t
            LEFT JOIN balances_balancehistory s
                ON s.transaction_id = t.id AND s.balance_id = t.source_id AND s.delta = -t.amount
            LEFT JOIN balances_balancehistory d
                ON d.transaction_id = t.id AND d.balance_id = t.destination_id
                AND d.delta = t.amount
            WHERE t.status = 'completed' AND (s.id IS NULL OR d.id IS NULL)
            UNION ALL
            SELECT e.transaction_id, t.status, e.id FROM balances_balancehistory e
            LEFT JOIN transactions_transaction t ON t.id = e.transaction_id
            WHERE t.id IS NULL OR t.status <> 'completed'
                OR e.balance_id NOT IN (t.source_id, t.destination_id)""",
        describe=describe,
    )


def prove_reversals_stay_within() -> Proof:
    def describe(rows: Sequence[Row]) -> Iterator[str]:
        for found, status, currency, amount, summed in rows:
            yield (
                f"transaction {UUID(str(found))} ({status}) moved "
                f"{format_amount(amount, currency)} {currency}; its reversals moved "
                f"{format_amount(read_total(summed), currency)} back"
            )

    return prove(
        7,
        "The completed reversals of a transaction never exceed it",
        checked="SELECT COUNT(*) FROM transactions_transaction WHERE type = 'reversal'",
        breaches=f"""
            SELECT o.id, o.status, o.currency, o.amount, {total("r.amount")}
            FROM transactions_transaction r
            JOIN transactions_transaction o ON o.id = r.reverses_id
            WHERE r.status = 'completed'
            GROUP BY o.id, o.status, o.currency, o.amount
            HAVING {excess("r.amount", "o.amount")} > 0 OR o.status <> 'completed'""",  # noqa: S608
        describe=describe,
    )


PROOFS: tuple[Callable[[], Proof], ...] = (
    prove_entries_sum_to_zero,
    prove_balances_equal_their_entries,
    prove_held_equals_pending,
    prove_no_user_is_overdrawn,
    prove_history_is_gapless,
    prove_completed_have_two_entries,
    prove_reversals_stay_within,
)


def reconcile(on_proof: Callable[[Proof], None] | None = None) -> list[Proof]:
    """Prove the seven invariants, in their order, on one consistent view of the books.

    Writers are not held up. `on_proof` is called after each, for whoever shows progress.
    """
    proofs: list[Proof] = []
    with consistent_snapshot():
        for run in PROOFS:
            proofs.append(run())
            if on_proof is not None:
                on_proof(proofs[-1])
    return proofs


def keep(proofs: Sequence[Proof], *, started_at: datetime, took: timedelta) -> Reconciliation:
    """Keep what a run found, for those who ask later how the books stand."""
    return Reconciliation.objects.create(
        started_at=started_at,
        duration_ms=took // timedelta(milliseconds=1),
        breaches=sum(proof.breaches for proof in proofs),
        proofs=[proof.as_json() for proof in proofs],
        run_by=operator(),
    )
