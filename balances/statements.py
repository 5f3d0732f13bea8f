"""Statements: what a balance was, what happened to it, and what it then was.

The entries of a period are a range of versions, found once. They never change and never get
company, so the statement is read in short queries, without holding a view of the books open, and
is still of one piece. Once the period is over, asking again gives the same.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from balances.enums import House
from balances.models import Balance, BalanceHistory
from balances.periods import Period
from balances.point_in_time import amounts_after, last_versions_before
from balances.queries import balances_of
from users.models import User

CHUNK = 500  # entries read at a time; SQLite takes no list of 1,000 keys


@dataclass(frozen=True, slots=True)
class Line:
    """One entry; amounts in minor units, `after` is the running balance."""

    created_at: datetime
    effective_at: datetime
    type: str
    counterparty: str
    reference: str
    description: str
    delta: int
    after: int
    version: int
    transaction_id: UUID


@dataclass(slots=True)
class Totals:
    """What went in and out, both as positive minor units, and in how many entries."""

    incoming: int = 0
    outgoing: int = 0
    count: int = 0

    def add(self, delta: int) -> None:
        self.incoming += max(delta, 0)
        self.outgoing += max(-delta, 0)
        self.count += 1


@dataclass(frozen=True, slots=True)
class Statement:
    """`opening` and `closing` in minor units; `first` and `last` are versions, the first excluded.

    `balance` is None for a currency in which nothing was ever moved.
    """

    owner: User
    currency: str
    period: Period
    balance: Balance | None
    first: int
    last: int
    opening: int
    closing: int

    @property
    def count(self) -> int:
        return self.last - self.first

    def lines(self, totals: Totals) -> Iterator[Line]:
        """Oldest first; `totals` is added up on the way.

        Fails at the end, rather than stating what is wrong, when the lines do not lead from the
        opening to the closing balance.
        """
        for line in self._read():
            totals.add(line.delta)
            assert line.after == self.opening + totals.incoming - totals.outgoing
            yield line
        assert totals.count == self.count
        assert self.closing == self.opening + totals.incoming - totals.outgoing

    def _read(self) -> Iterator[Line]:
        names: dict[int, str] = {}
        for start in range(self.first, self.last, CHUNK):
            entries = BalanceHistory.objects.filter(
                balance=self.balance,
                version__gt=start,
                version__lte=min(start + CHUNK, self.last),
            )
            rows = list(entries.order_by("version").values_list(*_COLUMNS))
            # Not joined: MariaDB is apt to begin at the balances and to walk all transactions.
            names |= _names({_other(row) for row in rows} - names.keys())
            for row in rows:
                yield _line(row, names[_other(row)])


_COLUMNS = (
    "created_at",
    "transaction__effective_at",
    "transaction__type",
    "transaction__reference",
    "transaction__description",
    "delta",
    "amount_after",
    "version",
    "transaction_id",
    "transaction__source_id",
    "transaction__destination_id",
)
_Row = tuple[Any, ...]


def _other(row: _Row) -> int:
    """The balance on the other side of an entry."""
    delta, (source, destination) = row[5], row[-2:]
    other: int = destination if delta < 0 else source
    return other


def _line(row: _Row, counterparty: str) -> Line:
    created_at, effective_at, kind, reference, description, delta, after, version, pk, *_ = row
    return Line(
        created_at=created_at,
        effective_at=effective_at,
        type=kind,
        counterparty=counterparty,
        reference=reference,
        description=description,
        delta=delta,
        after=after,
        version=version,
        transaction_id=pk,
    )


def _names(balance_ids: set[int]) -> dict[int, str]:
    """Counterparties by name alone: who else they are is nobody's business here."""
    owners = Balance.objects.filter(pk__in=balance_ids).values_list("pk", "user__username", "house")
    return {pk: username or str(House(house or "").label) for pk, username, house in owners}


def statement_of(owner: User, currency: str, period: Period) -> Statement:
    """The statement of one balance; one that was never opened has a statement of zero."""
    balance = balances_of(owner.pk).filter(currency=currency).first()
    if balance is None:
        return Statement(owner, currency, period, None, 0, 0, 0, 0)
    first = last_versions_before([balance], period.start)
    last = last_versions_before([balance], period.end)
    return Statement(
        owner,
        currency,
        period,
        balance,
        first=first[balance.pk],
        last=last[balance.pk],
        opening=amounts_after(first)[balance.pk],
        closing=amounts_after(last)[balance.pk],
    )
