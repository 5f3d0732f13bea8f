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

CHUNK = 1000  # entries read at a time


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
        for start in range(self.first, self.last, CHUNK):
            rows = BalanceHistory.objects.filter(
                balance=self.balance,
                version__gt=start,
                version__lte=min(start + CHUNK, self.last),
            ).order_by("version")
            for row in rows.values_list(*_COLUMNS).iterator(chunk_size=CHUNK):
                yield _line(row)


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
    "transaction__source__house",
    "transaction__source__user__username",
    "transaction__destination__house",
    "transaction__destination__user__username",
)


def _line(row: tuple[Any, ...]) -> Line:
    created_at, effective_at, kind, reference, description, delta, after, version, pk, *sides = row
    source, destination = _name(*sides[:2]), _name(*sides[2:])
    counterparty = destination if delta < 0 else source
    return Line(
        created_at,
        effective_at,
        kind,
        counterparty,
        reference,
        description,
        delta,
        after,
        version,
        pk,
    )


def _name(house: str | None, username: str | None) -> str:
    """A counterparty by name alone: who else they are is nobody's business here."""
    return str(House(house).label) if house is not None else username or ""


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
