"""Pages of ledger entries: newest first, over all balances of a user.

Within a balance the order is that of the versions, which have no gaps; so a place in the list is
one version per currency, and everything newer or older is found by the unique index on
(balance, version): any page costs what the first one costs, and so does one from a period long
past. Entries that arrive meanwhile neither shift nor repeat a page.
"""

import heapq
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from uuid import UUID

from django.db.models import QuerySet

from balances.models import Balance, BalanceHistory
from balances.point_in_time import last_versions_before
from ledgerlink.pagination import CURSOR_HINT, Cursor, InvalidCursor

Place = dict[str, int]  # currency to the newest version on the older side

_PLACE = re.compile(r"[A-Z0-9]{3,8}:[0-9]{1,18}(,[A-Z0-9]{3,8}:[0-9]{1,18})*")


@dataclass(frozen=True, slots=True)
class Excerpt:
    """The entries of some balances of one user that a list is about."""

    balances: Sequence[Balance]
    bounds: Mapping[int, tuple[int, int]]  # by balance: versions after the first, up to the second
    transaction_id: UUID | None

    def older(self, balance: Balance, top: int) -> QuerySet[BalanceHistory]:
        """Those up to `top`, newest first."""
        after, last = self.bounds[balance.pk]
        return self._between(balance, after, min(top, last)).order_by("-version")

    def newer(self, balance: Balance, bottom: int) -> QuerySet[BalanceHistory]:
        """Those after `bottom`, oldest first."""
        after, last = self.bounds[balance.pk]
        return self._between(balance, max(bottom, after), last).order_by("version")

    def _between(self, balance: Balance, after: int, last: int) -> QuerySet[BalanceHistory]:
        # One bound to each side: of two, SQLite would look up the first, perhaps the wider one.
        entries = BalanceHistory.objects.filter(
            balance=balance, version__gt=after, version__lte=last
        )
        if self.transaction_id is not None:
            entries = entries.filter(transaction_id=self.transaction_id)
        return entries


@dataclass(frozen=True, slots=True)
class Page:
    """Newest first, with where to go on, None at an end."""

    entries: list[BalanceHistory]
    older: Cursor | None
    newer: Cursor | None


def excerpt(
    balances: Sequence[Balance],
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    transaction_id: UUID | None = None,
) -> Excerpt:
    """The entries of `balances`; `since` is included, `until` is not."""
    first = last_versions_before(balances, since) if since is not None else {}
    last = last_versions_before(balances, until) if until is not None else {}
    bounds = {b.pk: (first.get(b.pk, 0), last.get(b.pk, b.entry_count)) for b in balances}
    return Excerpt(balances, bounds, transaction_id)


def read_page(of: Excerpt, cursor: Cursor | None, size: int) -> Page:
    """The page of at most `size` entries that `cursor` leads to. Raises InvalidCursor."""
    backwards = cursor is not None and cursor.backwards
    place = _place(cursor) if cursor is not None else None
    top = {b.currency: of.bounds[b.pk][1] for b in of.balances}
    if place is not None:
        top = {currency: min(place.get(currency, 0), last) for currency, last in top.items()}
    seek = of.newer if backwards else of.older
    parts = [seek(balance, top[balance.currency])[: size + 1] for balance in of.balances]
    found = _merged(parts, size + 1, newest_first=not backwards)
    more = len(found) > size
    found = found[:size]
    shown = _versions(of, found)
    if backwards:
        found.reverse()
        above = {currency: max(shown.get(currency, [last])) for currency, last in top.items()}
        has_older, has_newer, below = bool(found), more, top
    else:
        below = {
            currency: min(shown[currency]) - 1 if currency in shown else last
            for currency, last in top.items()
        }
        has_older, has_newer, above = more, cursor is not None and bool(found), top
    return Page(
        found,
        older=_cursor(below, backwards=False) if has_older else None,
        newer=_cursor(above, backwards=True) if has_newer else None,
    )


def _merged(
    parts: Sequence[QuerySet[BalanceHistory]], limit: int, *, newest_first: bool
) -> list[BalanceHistory]:
    """By time, and by key among those of one batch; the order within a part stays."""
    merged = heapq.merge(*parts, key=lambda e: (e.created_at, e.pk), reverse=newest_first)
    return list(islice(merged, limit))


def _versions(of: Excerpt, entries: Sequence[BalanceHistory]) -> dict[str, list[int]]:
    currencies = {b.pk: b.currency for b in of.balances}
    versions: dict[str, list[int]] = {}
    for entry in entries:
        versions.setdefault(currencies[entry.balance_id], []).append(entry.version)
    return versions


def _cursor(place: Place, *, backwards: bool) -> Cursor:
    key = ",".join(f"{currency}:{version}" for currency, version in place.items())
    return Cursor(key, backwards=backwards)


def _place(cursor: Cursor) -> Place:
    if not _PLACE.fullmatch(cursor.key):
        raise InvalidCursor(CURSOR_HINT)
    pairs = (pair.split(":") for pair in cursor.key.split(","))
    return {currency: int(version) for currency, version in pairs}
