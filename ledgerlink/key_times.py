"""Which primary keys belong to a period, where no index is on the time."""

from datetime import datetime, timedelta
from typing import Any

from django.db.models import QuerySet

from ledgerlink.pagination import EVERYWHERE, KeyRange

DISORDER = timedelta(minutes=10)


def keys_by_time(
    rows: QuerySet[Any], field: str, start: datetime | None, end: datetime | None
) -> KeyRange:
    """Between which integer keys the rows of a period are, when their times in `field` grow with
    their keys, or nearly so: neighbours may be up to `DISORDER` out of order."""
    last = rows.order_by("-pk").values_list("pk", flat=True).first()
    if last is None:
        return EVERYWHERE
    after = None if start is None else _first_since(rows, field, start - DISORDER, last) - 1
    before = None if end is None else _first_since(rows, field, end + DISORDER, last)
    return KeyRange(after=after, before=before)


def _first_since(rows: QuerySet[Any], field: str, moment: datetime, last: int) -> int:
    """The lowest key from which on no row is earlier than `moment`, found by halving."""
    low, high = 0, last + 1
    while low < high:
        middle = (low + high) // 2
        key, at = rows.filter(pk__gte=middle).order_by("pk").values_list("pk", field)[0]
        if at < moment:
            low = key + 1
        else:
            high = middle
    return low
