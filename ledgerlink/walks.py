"""Walking through the rows of a large table in the order of their primary key, window by window."""

import heapq
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any

from django.db.models import BooleanField, Case, Q, QuerySet, Value, When

from ledgerlink.pagination import KeyRange

FIRST_WINDOW, WIDEST_WINDOW = 500, 8_000  # rows; each is four times as wide as the one before
PATIENCE = 0.08  # seconds

Seek = Callable[[Any, bool], Any]


@dataclass(frozen=True, slots=True)
class Track:
    """Rows that an index gives in the order of the field `order`, which grows with the primary key.

    Unless that is the key itself, `seek` answers for a key, and for whether the walk goes down, a
    value of the field: all rows beyond the key are beyond the value.
    """

    rows: QuerySet[Any]
    order: str = "pk"
    seek: Seek | None = None

    def windows(
        self, wanted: Q, span: KeyRange, *, down: bool
    ) -> Iterator[tuple[QuerySet[Any], Any]]:
        """The wanted rows of each window, and the last key in it: None for the last window."""
        low, high = span.after, span.before
        if self.seek is not None:
            wanted &= Q(**_given(pk__gt=low, pk__lt=high))
            low = low if low is None else self.seek(low, False)
            high = high if high is None else self.seek(high, True)
        order = f"-{self.order}" if down else self.order
        width = FIRST_WINDOW
        while True:
            # One bound on each side: of two, SQLite might look up the wider.
            bounds = {f"{self.order}__gt": low, f"{self.order}__lt": high}
            ahead = self.rows.filter(**_given(**bounds)).order_by(order)
            edge = next(iter(ahead.values_list(self.order, "pk")[width - 1 : width]), None)
            if edge is None:
                yield only(ahead, wanted), None
                return
            side = "gt" if down else "lt"
            bounds[f"{self.order}__{side}"] = None
            bounds[f"{self.order}__{side}e"] = edge[0]
            window = self.rows.filter(**_given(**bounds)).order_by(order)
            yield only(window, wanted), edge[1]
            low, high = (low, edge[0]) if down else (edge[0], high)
            width = min(4 * width, WIDEST_WINDOW)


def _given(**lookups: Any) -> dict[str, Any]:
    return {lookup: value for lookup, value in lookups.items() if value is not None}


def only(rows: QuerySet[Any], wanted: Q) -> QuerySet[Any]:
    """Those of `rows` that meet `wanted`, in a form that no planner looks up in an index of its
    own choice, to sort all that it finds there."""
    if not wanted:
        return rows
    met = Case(When(wanted, then=Value(True)), default=Value(False), output_field=BooleanField())
    return rows.filter(met)


def walk_together(
    tracks: Sequence[Track], wanted: Q, span: KeyRange, limit: int, *, down: bool
) -> tuple[list[Any], Any]:
    """At most `limit` rows of all tracks, and the key that was reached when there may be more."""
    share = PATIENCE / len(tracks)
    walks = [_walk(track, wanted, span, limit, share, down=down) for track in tracks]
    merged = heapq.merge(*(rows for rows, _ in walks), key=attrgetter("pk"), reverse=down)
    ends = [reached for _, reached in walks if reached is not None]
    if not ends:
        return list(unique(merged))[:limit], None
    end = max(ends) if down else min(ends)  # of the track that came least far
    rows = [row for row in unique(merged) if (row.pk >= end if down else row.pk <= end)]
    return rows[:limit], end


def _walk(
    track: Track, wanted: Q, span: KeyRange, limit: int, patience: float, *, down: bool
) -> tuple[list[Any], Any]:
    until = time.monotonic() + patience
    rows: list[Any] = []
    for window, edge in track.windows(wanted, span, down=down):
        rows += window[: limit - len(rows)]
        if len(rows) == limit:
            return rows, rows[-1].pk
        if edge is None:
            break
        if time.monotonic() > until:
            return rows, edge
    return rows, None


def unique(rows: Iterable[Any]) -> Iterator[Any]:
    """Without the repetitions of rows that lie on two tracks; they are sorted by key."""
    last = None
    for row in rows:
        if row.pk != last:
            yield row
        last = row.pk
