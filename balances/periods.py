"""The period of a statement."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from django.utils import timezone

from balances.errors import InvalidPeriod

# How long after its time an entry may still be on its way into the books: the time is taken under
# the lock of the balance, then the batch is written and committed, perhaps on a slow disk.
SETTLING = timedelta(seconds=60)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Period:
    """From `start` up to, without, `end`. Provisional: entries may still be added to it."""

    start: datetime
    end: datetime
    provisional: bool = False

    @property
    def in_days(self) -> bool:
        """Whether it begins and ends with a day (UTC)."""
        return self.start.time() == time() == self.end.time()

    @property
    def last_day(self) -> date:
        return (self.end - timedelta(microseconds=1)).date()


def period_of(first: date | datetime | None, last: date | datetime | None) -> Period:
    """The period from `first` to `last`; days are those of UTC, and `last` as a day is included.

    Without `last` it ends now, without both it is the calendar month before this one. An end that
    has not come yet is now. Raises InvalidPeriod.
    """
    now = timezone.now()
    if first is None:
        if last is not None:
            raise InvalidPeriod("Give `from` together with `to`.")
        end = _midnight(now.date().replace(day=1))
        start = _midnight((end - _DAY).date().replace(day=1))
        return Period(start, end, provisional=end > now - SETTLING)
    start = first if isinstance(first, datetime) else _midnight(first)
    end = min(_end(last), now) if last is not None else now
    if start > now:
        raise InvalidPeriod("`from` has not come yet.")
    if end <= start:
        raise InvalidPeriod("`to` is not after `from`.")
    return Period(start, end, provisional=end > now - SETTLING)


def _end(last: date | datetime) -> datetime:
    if isinstance(last, datetime):
        return last
    return datetime.max.replace(tzinfo=UTC) if last == date.max else _midnight(last + _DAY)


def _midnight(day: date) -> datetime:
    return datetime.combine(day, time(), UTC)
