"""What was completed and what was refused, in sums by the hour and by the day.

Nobody who posts writes a sum: all would queue for one row. Instead an hour is counted once it is
settled, by `manage.py keep_totals` or whoever asks for it before, and kept; what is not settled yet
is counted each time, along an index. A completed or refused transaction never changes again, so
neither does a settled hour.

The hour is that of completion, which is when the entries were made, or of the refusal. Value dates
have no part in it. Days are those of UTC.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import Any

from django.db import OperationalError
from django.db.models import Count, Max, QuerySet, Sum, TextField
from django.db.models.constants import OnConflict
from django.db.models.functions import Substr
from django.db.transaction import atomic

from balances.reconciliation import read_total, total
from ledgerlink.rows import insert_rows
from transactions.enums import TransactionStatus, TransactionType
from transactions.models import HourlyTotal, Transaction
from transactions.queries import keys_between

HOUR = timedelta(hours=1)
SETTLED = timedelta(minutes=10)  # after an hour, until nothing of it can still be on its way


class Span(IntEnum):
    """How many characters of `2026-11-24 07:05:00` tell one from the next."""

    DAY = 10
    HOUR = 13

    def of(self, at: datetime) -> datetime:
        """Its beginning."""
        return self.read(f"{at:%Y-%m-%d %H}"[:self])

    @staticmethod
    def read(text: str) -> datetime:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)


@dataclass(slots=True)
class Sums:
    """Minor units of one currency."""

    count: int = 0
    amount: int = 0


SumsByType = dict[tuple[datetime, TransactionType], Sums]  # by the beginning of an hour or day


@dataclass(frozen=True, slots=True)
class HourOf:
    """What one sum is of."""

    hour: datetime
    status: TransactionStatus
    currency: str
    type: TransactionType
    failure_code: str


class Activity:
    """Since `start`, the beginning of an hour, up to `now`."""

    def __init__(self, start: datetime, now: datetime) -> None:
        self.start = start
        settled = max(Span.HOUR.of(now - SETTLED), start)
        kept = HourlyTotal.objects.filter(hour__gte=start)
        last = kept.aggregate(last=Max("hour"))["last"]
        self.unkept = start if last is None else last + HOUR
        if self.unkept < settled and _keep(_count(self.unkept, settled)):
            self.unkept = settled
        self._kept = kept.filter(hour__lt=self.unkept)
        self._open = dict(_count(self.unkept, now + HOUR))

    def completed(self, currency: str, since: datetime, span: Span) -> SumsByType:
        found: SumsByType = defaultdict(Sums)
        status = TransactionStatus.COMPLETED
        kept = self._kept.filter(status=status, currency=currency, hour__gte=since)
        for at, kind, count, amount in _summed(kept, span, "type"):
            found[at, TransactionType(kind)] = Sums(count, amount)
        for of, sums in self._open.items():
            if (of.status, of.currency) == (status, currency) and of.hour >= since:
                together = found[span.of(of.hour), of.type]
                together.count += sums.count
                together.amount += sums.amount
        return dict(found)

    def refused(self, since: datetime) -> dict[str, int]:
        """How many of all currencies, by failure code."""
        status = TransactionStatus.FAILED
        kept = self._kept.filter(status=status, hour__gte=since)
        found = Counter(dict(kept.values_list("failure_code").annotate(together=Sum("count"))))
        for of, sums in self._open.items():
            if of.status == status and of.hour >= since:
                found[of.failure_code] += sums.count
        return dict(found)


def held_of_users(at: datetime) -> dict[str, int]:
    """What is held of users' balances, by currency: their pending transactions (invariant 3) but
    for those that have expired, which hold it only until somebody looks."""
    pending = Transaction.objects.filter(
        status=TransactionStatus.PENDING, expires_at__gt=at, source__house__isnull=True
    )
    sums = pending.order_by().values_list("currency").annotate(together=_ExactSum("amount"))
    return {currency: read_total(amount) for currency, amount in sums}


def _summed(
    rows: QuerySet[HourlyTotal], span: Span, field: str
) -> Iterator[tuple[datetime, str, int, int]]:
    groups = rows.annotate(at=Substr("hour", 1, span)).values_list("at", field)
    for at, value, count, billions, rest in groups.annotate(
        transactions=Sum("count"), billions_together=Sum("billions"), rest_together=Sum("rest")
    ):
        yield span.read(at), value, count, int(billions) * 10**9 + int(rest)


def _keep(sums: Iterable[tuple[HourOf, Sums]]) -> bool:
    """All of these hours or none, so that those before the last one kept are always kept too.
    Somebody else may be keeping the same. False where nothing can be written just now."""
    columns = ("hour", "status", "currency", "type", "failure_code", "count", "billions", "rest")
    rows = [
        (o.hour, o.status, o.currency, o.type, o.failure_code, s.count, *divmod(s.amount, 10**9))
        for o, s in sums
    ]
    try:
        with atomic():
            insert_rows(HourlyTotal, columns, rows, on_conflict=OnConflict.IGNORE)
    except OperationalError:
        return False
    return True


def _count(start: datetime, end: datetime) -> Iterator[tuple[HourOf, Sums]]:
    """From the transactions themselves."""
    completed = Transaction.objects.filter(completed_at__gte=start, completed_at__lt=end)
    keys = keys_between({"from": start, "to": end})
    failed = Transaction.objects.filter(  # by their keys: an index of status leads to all there are
        failure_code__gt="",
        created_at__gte=start,
        created_at__lt=end,
        pk__gt=keys.after,
        pk__lt=keys.before,
    )
    yield from _grouped(completed, TransactionStatus.COMPLETED, "completed_at")
    yield from _grouped(failed, TransactionStatus.FAILED, "created_at")


def _grouped(
    rows: QuerySet[Transaction], status: TransactionStatus, time: str
) -> Iterator[tuple[HourOf, Sums]]:
    hours = rows.order_by().annotate(hour=Substr(time, 1, Span.HOUR))
    groups = hours.values_list("hour", "currency", "type", "failure_code")
    for hour, currency, kind, code, count, amount in groups.annotate(
        transactions=Count("*"), together=_ExactSum("amount")
    ):
        of = HourOf(Span.HOUR.read(hour), status, currency, TransactionType(kind), code)
        yield of, Sums(count, read_total(amount))


class _ExactSum(Sum):
    """As the text that `read_total` reads: SQLite's own stops at 64 bits."""

    output_field = TextField()

    def as_sql(self, compiler: Any, *_given: Any, **_extra: Any) -> tuple[str, tuple[()]]:
        column, _parameters = compiler.compile(self.get_source_expressions()[0])
        return total(column).replace("%", "%%"), ()
