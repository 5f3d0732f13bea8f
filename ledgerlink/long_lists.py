"""Pages of large tables, at a cost that does not grow with the table.

Nothing is counted and nothing is sorted: rows come in the order of their primary key. What an
index narrows down to `FEW` rows is looked up there. Everything else is found by walking through
the rows, window by window, until the page is full or patience is over; whoever reads the list then
learns how far it went, and may go on from there.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from operator import attrgetter
from typing import Any
from uuid import UUID

from django.db.models import Q, QuerySet

from ledgerlink.pagination import EVERYWHERE, Cursor, KeyRange
from ledgerlink.walks import Seek, Track, only, unique, walk_together

FEW = 2_000  # rows


@dataclass(frozen=True, slots=True)
class Way:
    """Rows that an index finds. When it also gives them in the order of their primary key, or of a
    field that grows with it, `order` and `seek` are those of a `Track`."""

    condition: Q
    order: str | None = None
    seek: Seek | None = None


@dataclass(frozen=True, slots=True)
class Sought:
    """Those of `rows` that meet `wanted`. Each of `ways` is a set of ways that together lead to all
    of them, and perhaps to others. All keys are inside of `keys`."""

    rows: QuerySet[Any]
    wanted: Q
    ways: Sequence[Sequence[Way]] = ()
    keys: KeyRange = EVERYWHERE


@dataclass(frozen=True, slots=True)
class Page:
    """`onward` and `back` are where the neighbours begin, None at an end. `reached` is the last key
    that was looked at when patience ended before the page was full. `total` counts all pages, when
    that is known."""

    rows: list[Any]
    onward: Cursor | None
    back: Cursor | None
    reached: Any = None
    total: int | None = None


def read_page(
    sought: Sought, cursor: Cursor | None, size: int, *, newest_first: bool = True
) -> Page:
    """The page of at most `size` rows that `cursor` leads to. Raises InvalidCursor."""
    backwards = cursor is not None and cursor.backwards
    down = newest_first != backwards
    keys, tracks = _plan(sought)
    span = _ahead(sought, cursor, down=down)
    total = reached = None
    if keys is not None:
        total = _among(sought, keys, sought.keys).count()
        inside = _among(sought, keys, span).order_by("-pk" if down else "pk")
        rows = list(inside[: size + 1])
    else:
        rows, reached = walk_together(tracks, sought.wanted, span, size + 1, down=down)
    more = len(rows) > size
    rows = rows[:size]
    last = rows[-1].pk if more else reached
    onward = None if last is None else Cursor(str(last), backwards=backwards)
    back = None
    if cursor is not None:
        # The row that led to an empty page is on the page before, so that begins beside it.
        beside = rows[0].pk if rows else _beside(cursor.key_of(sought.rows.model), down=down)
        back = Cursor(str(beside), backwards=not backwards)
    if total is None and cursor is None and onward is None:
        total = len(rows)
    if backwards:
        rows.reverse()
        onward, back = back, onward
    return Page(rows, onward, back, None if more else reached, total)


def all_of(sought: Sought) -> QuerySet[Any] | None:
    """Every row, to be sorted in any way; None when they are more than `FEW`, or hard to find."""
    keys, tracks = _plan(sought)
    if keys is None:
        rows, reached = walk_together(tracks, sought.wanted, sought.keys, FEW + 1, down=True)
        if reached is not None or len(rows) > FEW:
            return None
        keys = [row.pk for row in rows]
    return _among(sought, keys, sought.keys)


def each_of(sought: Sought) -> Iterator[list[Any]]:
    """Every row, newest first, a window at a time, however many there are."""
    keys, tracks = _plan(sought)
    if keys is not None:
        yield list(_among(sought, keys, sought.keys).order_by("-pk"))
        return
    if len(tracks) == 1:
        for window, _edge in tracks[0].windows(sought.wanted, sought.keys, down=True):
            yield list(window)
        return
    walks = [_each(track, sought) for track in tracks]
    merged = unique(heapq.merge(*walks, key=attrgetter("pk"), reverse=True))
    while batch := list(islice(merged, FEW)):
        yield batch


def _each(track: Track, sought: Sought) -> Iterator[Any]:
    for window, _edge in track.windows(sought.wanted, sought.keys, down=True):
        yield from window


def _plan(sought: Sought) -> tuple[list[Any] | None, list[Track]]:
    """The keys of a few rows, all that are wanted being among them; else the tracks to walk."""
    tracks: list[Track] = []
    for ways in filter(None, sought.ways):
        found = [_keys(sought.rows, way) for way in ways]
        if None not in found:
            keys = {key for some in found if some is not None for key in some}
            if len(keys) <= FEW:
                return list(keys), []
        if not tracks:
            tracks = _tracks(sought.rows, list(zip(ways, found, strict=True)))
    return None, tracks or [Track(sought.rows)]


def _keys(rows: QuerySet[Any], way: Way) -> list[Any] | None:
    """None when they are more than `FEW`."""
    found = rows.filter(way.condition).order_by().values_list("pk", flat=True)
    return None if found[FEW : FEW + 1] else list(found[:FEW])


def _tracks(rows: QuerySet[Any], ways: Sequence[tuple[Way, list[Any] | None]]) -> list[Track]:
    """None at all when a way leads to many rows and in no order."""
    tracks = []
    for way, keys in ways:
        if keys is not None:
            tracks.append(Track(rows.filter(pk__in=keys)))
        elif way.order is not None:
            tracks.append(Track(rows.filter(way.condition), way.order, way.seek))
        else:
            return []
    return tracks


def _among(sought: Sought, keys: Sequence[Any], span: KeyRange) -> QuerySet[Any]:
    """Those of `keys` that are wanted. They are kept inside of the span here: given both, a planner
    might walk through the span."""
    inside = [
        key
        for key in keys
        if (span.after is None or key > span.after) and (span.before is None or key < span.before)
    ]
    return only(sought.rows.filter(pk__in=inside), sought.wanted)


def _beside(key: Any, *, down: bool) -> Any:
    step = -1 if down else 1
    return UUID(int=max(key.int + step, 0)) if isinstance(key, UUID) else key + step


def _ahead(sought: Sought, cursor: Cursor | None, *, down: bool) -> KeyRange:
    if cursor is None:
        return sought.keys
    key = cursor.key_of(sought.rows.model)
    if down:
        return KeyRange(after=sought.keys.after, before=key)
    return KeyRange(after=key, before=sought.keys.before)
