"""Rebuilding ledger entries that were lost, from the completed transactions.

A balance's entries have the versions 1 to its `entry_count`. Those that are there keep theirs; the
transactions without an entry, in the order in which they were completed, take the versions that
are free. Nothing is written unless the chain then holds from beginning to end: each entry begins
where the last one ended, none that is there is contradicted, and the last one leaves what the
balance has.
"""

from collections.abc import Iterator
from dataclasses import astuple, dataclass, field
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.transaction import atomic

from balances.models import Balance, BalanceHistory
from balances.money import format_amount
from ledgerlink.errors import LedgerError
from ledgerlink.rows import insert_rows
from ledgerlink.snapshot import consistent_snapshot
from transactions.enums import TransactionStatus
from transactions.models import Transaction
from transactions.signals import history_rebuilt
from users.actors import Actor

CHUNK = 1000  # rows read or written at a time
SHOWN = 3
_COLUMNS = (
    "balance_id",
    "transaction_id",
    "delta",
    "amount_before",
    "amount_after",
    "version",
    "created_at",
)


class HistoryContradicted(LedgerError):
    code = "history_contradicted"
    title = "The transactions do not explain the history of the balance"


@dataclass(frozen=True, slots=True)
class Lost:
    """An entry that was lost, as it is to be written; the fields are in the order of `_COLUMNS`,
    the amounts in minor units."""

    transaction_id: UUID
    delta: int
    before: int
    after: int
    version: int
    created_at: datetime


@dataclass(slots=True)
class Rebuilt:
    """How many entries were rebuilt for a balance, the first of them, and the last version."""

    balance: Balance
    count: int = 0
    first: list[Lost] = field(default_factory=list)
    last_version: int = 0

    def add(self, entry: Lost) -> None:
        self.count += 1
        self.last_version = entry.version
        if len(self.first) < SHOWN:
            self.first.append(entry)


def incomplete_balances() -> list[int]:
    """The ids of the balances that lack the entry of a completed transaction."""
    found: set[int] = set()
    for side in ("source_id", "destination_id"):
        entry = BalanceHistory.objects.filter(
            transaction_id=OuterRef("pk"), balance_id=OuterRef(side)
        )
        found.update(_completed().filter(~Exists(entry)).values_list(side, flat=True).distinct())
    return sorted(found)


def rebuild(balance: Balance, *, alone: bool) -> Iterator[Lost]:
    """What `balance` lacks, in the order of the versions; `alone`: no other balance lacks any.

    Raises HistoryContradicted, perhaps only at the end: what came before is to be dropped then.
    """
    there = _entries(balance)
    lost = _lost(balance, alone=alone)
    amount, entry = 0, next(there, None)
    for version in range(1, balance.entry_count + 1):
        if entry is not None and entry[0] == version:
            _same(balance, entry[1], amount, f"entry {version} begins")
            amount, entry = entry[2], next(there, None)
            continue
        found = next(lost, None)
        if found is None:
            raise HistoryContradicted(f"No completed transaction explains entry {version}.")
        pk, source, moved, completed_at = found
        assert completed_at is not None, "a completed transaction has its time"
        delta = -moved if source == balance.pk else moved
        yield Lost(pk, delta, amount, amount + delta, version, completed_at)
        amount += delta
    if entry is not None or next(lost, None) is not None:
        raise HistoryContradicted(f"There is more than the {balance.entry_count} entries counted.")
    _same(balance, balance.amount, amount, "the balance stands")


def _same(balance: Balance, said: int, rebuilt: int, what: str) -> None:
    if said != rebuilt:
        raise HistoryContradicted(
            f"{what.capitalize()} at {format_amount(said, balance.currency)}, "
            f"the rebuilt history at {format_amount(rebuilt, balance.currency)}."
        )


def preview(balance_id: int, *, alone: bool) -> Rebuilt:
    """What `write` would write, on one view of the books. Raises as `rebuild`."""
    with consistent_snapshot():
        balance = Balance.objects.get(pk=balance_id)
        found = Rebuilt(balance)
        for entry in rebuild(balance, alone=alone):
            found.add(entry)
    return found


def write(balance_id: int, *, alone: bool, by: Actor) -> Rebuilt:
    """Write what the balance lacks, under its lock, or nothing. Raises as `rebuild`."""
    with atomic():
        balance = Balance.objects.select_for_update().get(pk=balance_id)
        found = Rebuilt(balance)
        entries = rebuild(balance, alone=alone)
        while chunk := list(islice(entries, CHUNK)):
            insert_rows(BalanceHistory, _COLUMNS, [(balance_id, *astuple(e)) for e in chunk])
            for entry in chunk:
                found.add(entry)
        if found.count:
            history_rebuilt.send(sender=None, rebuilt=found, actor=by)
    return found


def _completed() -> QuerySet[Transaction]:
    return Transaction.objects.filter(status=TransactionStatus.COMPLETED)


def _entries(balance: Balance) -> Iterator[tuple[int, int, int]]:
    """Version, amount before and amount after of those that are there."""
    entries = BalanceHistory.objects.filter(balance=balance).order_by("version")
    return entries.values_list("version", "amount_before", "amount_after").iterator(CHUNK)


def _lost(balance: Balance, *, alone: bool) -> Iterator[tuple[UUID, int, int, datetime | None]]:
    """Transactions without an entry here: id, source, amount and time, in the order of posting.

    Those of one batch have one time. If only this balance is incomplete, the entries of the other
    sides tell their order, for entries are written in the order of posting. Otherwise the
    transactions' ids do, which is the order in which they were asked for.
    """
    entries = BalanceHistory.objects.filter(transaction_id=OuterRef("pk"))
    lost = (
        _completed()
        .filter(Q(source=balance) | Q(destination=balance))
        .filter(~Exists(entries.filter(balance=balance)))
        .order_by("completed_at", "pk")
    )
    if alone:
        other_side = Subquery(entries.exclude(balance=balance).values("pk")[:1])
        lost = lost.order_by("completed_at", other_side, "pk")
    return lost.values_list("pk", "source_id", "amount", "completed_at").iterator(CHUNK)
