"""Reading transactions."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import (
    BooleanField,
    Case,
    Count,
    Exists,
    OuterRef,
    Q,
    QuerySet,
    Sum,
    Value,
    When,
)

from balances.models import Balance
from balances.queries import balances_of
from ledgerlink.pagination import KeyRange
from ledgerlink.texts import exactly
from ledgerlink.walks import only
from transactions.enums import TransactionStatus
from transactions.models import Transaction

# To be fetched for a page of transactions. Joined to a list, they would tempt MariaDB to begin at
# the balances and to sort all that they ever sent.
PARTIES = ("source__user", "destination__user")
# A refused transfer is the payer's business, not that of the one who was to be paid.
_SHOWN_TO_RECEIVER = ~Q(status=TransactionStatus.FAILED) | Q(
    source__in=Balance.objects.filter(house__isnull=False).values("pk")
)

FEW = 200  # transactions of one reference that are named by their keys

# The key of a transaction is made when it is asked for; it waits in the queue, and may be retried.
KEY_MADE_WITHIN = timedelta(minutes=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def transaction_streams(
    user_id: int | None, filters: Mapping[str, Any]
) -> list[QuerySet[Transaction]]:
    """The transactions of one user (one indexed stream for each balance and direction), or all
    of them when `user_id` is None, to be merged by `ledgerlink.pagination`.

    `filters` is a validated `TransactionQuery`; amounts in it are minor units.
    """
    wanted, few = _wanted(filters), _few(filters)
    counterparty = filters.get("counterparty")
    direction = filters.get("direction")
    if user_id is None:
        if counterparty is None:
            return [only(Transaction.objects.filter(few), wanted)]
        return [
            only(Transaction.objects.filter(few, **{side: balance}), wanted)
            for balance in balances_of(counterparty)
            for side in ("source", "destination")
        ]
    streams = []
    # A stranger's refused transfer may have opened a balance in which nothing ever happened.
    sent_any = Exists(Transaction.objects.filter(source=OuterRef("pk")))
    awaits_any = Exists(  # what is pending has not changed the balance that is to receive it
        Transaction.objects.filter(destination=OuterRef("pk")).filter(_SHOWN_TO_RECEIVER)
    )
    for balance in balances_of(user_id).filter(Q(version__gt=0) | sent_any | awaits_any):
        if filters.get("currency") not in {None, balance.currency}:
            continue
        if direction != "in":
            sent = Transaction.objects.filter(source=balance)
            to = _given(destination__user_id=counterparty)
            streams.append(only(sent.filter(few), wanted & to))
        if direction != "out":
            received = Transaction.objects.filter(destination=balance)
            came = _given(source__user_id=counterparty) & _SHOWN_TO_RECEIVER
            streams.append(only(received.filter(few), wanted & came))
    return streams


def _few(filters: Mapping[str, Any]) -> Q:
    """Those of one original or one reference, which are mostly few: then they are named by their
    keys, since SQLite would sooner read all that a user ever sent."""
    few = _given(reverses=filters.get("reverses"))
    if "reference" in filters:
        of_reference = exactly("reference", filters["reference"])
        keys = list(
            Transaction.objects.filter(of_reference).values_list("pk", flat=True)[: FEW + 1]
        )
        few &= Q(pk__in=keys) if len(keys) <= FEW else of_reference
    return few


def _given(**lookups: Any) -> Q:
    return Q(**{lookup: value for lookup, value in lookups.items() if value is not None})


def keys_between(filters: Mapping[str, Any]) -> KeyRange:
    """Where the transactions of the period `from` … `to` are among all."""
    start, end = filters.get("from"), filters.get("to")
    return KeyRange(
        after=key_at(start, -KEY_MADE_WITHIN) if start is not None else None,
        before=key_at(end, KEY_MADE_WITHIN) if end is not None else None,
    )


def key_at(moment: datetime, margin: timedelta) -> UUID:
    """The lowest UUIDv7 of a moment and a margin."""
    milliseconds = (moment - _EPOCH + margin) // timedelta(milliseconds=1)
    return UUID(int=min(max(milliseconds, 0), 2**48 - 1) << 80)


def _wanted(filters: Mapping[str, Any]) -> Q:
    lookups = {
        "type": "type",
        "status": "status",
        "currency": "currency",
        "from": "created_at__gte",
        "to": "created_at__lt",
        "min_amount": "amount__gte",
        "max_amount": "amount__lte",
    }
    return _given(**{lookup: filters.get(name) for name, lookup in lookups.items()})


def visible_transactions(user_id: int) -> QuerySet[Transaction]:
    """The transactions that a user without special rights may see."""
    own = Q(source__user_id=user_id) | (Q(destination__user_id=user_id) & _SHOWN_TO_RECEIVER)
    return Transaction.objects.filter(own)


def largest_completed(currency: str, since: datetime, limit: int) -> list[Transaction]:
    """The largest transactions completed since a moment, the largest first.

    Walks down the index of currency and amount. The other conditions are put so that no planner
    looks them up in an index of their own, to sort all that it finds there.
    """
    met = Q(status=TransactionStatus.COMPLETED, completed_at__gte=since)
    largest = Transaction.objects.filter(
        Case(When(met, then=Value(True)), default=Value(False), output_field=BooleanField()),
        currency=currency,
    ).order_by("-amount")
    return list(largest[:limit])


def newest_of(
    balance_ids: Sequence[int], limit: int, related: Sequence[str] = ()
) -> list[Transaction]:
    """The newest transactions into or out of any of these balances, failed ones too, with what is
    `related` to them.

    One query reads at most `limit` keys of each index and balance. Joined by OR, MariaDB would sort
    all that they ever sent; sliced querysets can't be united on SQLite.
    """
    if not balance_ids:
        return []
    ends = [(column, pk) for column in ("source_id", "destination_id") for pk in balance_ids]
    parts = (_NEWEST.format(column=column, number=n) for n, (column, _) in enumerate(ends))
    with connection.cursor() as cursor:
        cursor.execute(
            f"{' UNION '.join(parts)} ORDER BY id DESC LIMIT %s",
            [*(value for _, pk in ends for value in (pk, limit)), limit],
        )
        keys = [UUID(str(key)) for (key,) in cursor.fetchall()]
    found = Transaction.objects.filter(pk__in=keys).prefetch_related(*related)
    return list(found.order_by("-pk"))


_NEWEST = """
SELECT * FROM (
    SELECT id FROM transactions_transaction WHERE {column} = %s ORDER BY id DESC LIMIT %s
) AS part{number}
"""


# Of what reverses a transaction. With the status as a filter, SQLite would read all completed ones.
_COMPLETED = Q(status=TransactionStatus.COMPLETED)
UNDONE = {"undone": Sum("amount", filter=_COMPLETED), "times": Count("pk", filter=_COMPLETED)}


def expired_holds(balance_ids: Sequence[int], at: datetime) -> dict[int, int]:
    """What transactions that have expired still hold of these balances, in minor units. Found by
    when they expired: a balance may have sent a million others."""
    expired = Transaction.objects.filter(status=TransactionStatus.PENDING, expires_at__lte=at)
    held = only(expired, Q(source__in=balance_ids)).values_list("source").annotate(Sum("amount"))
    return {pk: int(minor) for pk, minor in held}


def undone_of_each(transactions: Sequence[Transaction]) -> dict[UUID, int]:
    """How much was reversed of those of which anything was, in minor units."""
    reversals = Transaction.objects.filter(reverses__in=transactions)
    sums = reversals.values_list("reverses_id").annotate(**UNDONE)
    return {pk: int(undone) for pk, undone, _times in sums if undone}


def undone_of(transaction: Transaction) -> int:
    """How much of it was reversed, in minor units."""
    return int(Transaction.objects.filter(reverses=transaction).aggregate(**UNDONE)["undone"] or 0)
