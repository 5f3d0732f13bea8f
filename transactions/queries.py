"""Reading transactions."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from balances.queries import balances_of
from transactions.enums import TransactionStatus
from transactions.models import Transaction

_WITH_PARTIES = ("source__user", "destination__user")
# A refused transfer is the payer's business, not that of the one who was to be paid.
_HIDDEN_FROM_RECEIVER = Q(status=TransactionStatus.FAILED, source__house__isnull=True)


def transaction_streams(
    user_id: int | None, filters: Mapping[str, Any]
) -> list[QuerySet[Transaction]]:
    """The transactions of one user (one indexed stream for each balance and direction), or all
    of them when `user_id` is None, to be merged by `ledgerlink.pagination`.

    `filters` is a validated `TransactionQuery`; amounts in it are minor units.
    """
    base = _filtered(Transaction.objects.select_related(*_WITH_PARTIES), filters)
    counterparty = filters.get("counterparty")
    direction = filters.get("direction")
    if user_id is None:
        if counterparty is not None:
            parties = Q(source__user_id=counterparty) | Q(destination__user_id=counterparty)
            base = base.filter(parties)
        return [base]
    streams = []
    # A stranger's refused transfer may have opened a balance in which nothing ever happened.
    used = Q(version__gt=0) | Exists(Transaction.objects.filter(source=OuterRef("pk")))
    for balance in balances_of(user_id).filter(used):
        if filters.get("currency") not in {None, balance.currency}:
            continue
        if direction != "in":
            sent = base.filter(source=balance)
            streams.append(_between(sent, destination__user_id=counterparty))
        if direction != "out":
            received = base.filter(destination=balance).exclude(_HIDDEN_FROM_RECEIVER)
            streams.append(_between(received, source__user_id=counterparty))
    return streams


def _between(rows: QuerySet[Transaction], **counterparty: int | None) -> QuerySet[Transaction]:
    return rows.filter(**counterparty) if None not in counterparty.values() else rows


def _filtered(rows: QuerySet[Transaction], filters: Mapping[str, Any]) -> QuerySet[Transaction]:
    lookups = {
        "type": "type",
        "status": "status",
        "currency": "currency",
        "reference": "reference",
        "from": "created_at__gte",
        "to": "created_at__lt",
        "min_amount": "amount__gte",
        "max_amount": "amount__lte",
    }
    given = {lookup: filters.get(name) for name, lookup in lookups.items()}
    return rows.filter(**{lookup: value for lookup, value in given.items() if value is not None})


def visible_transactions(user_id: int) -> QuerySet[Transaction]:
    """The transactions that a user without special rights may see."""
    own = Q(source__user_id=user_id) | (Q(destination__user_id=user_id) & ~_HIDDEN_FROM_RECEIVER)
    return all_transactions().filter(own)


def all_transactions() -> QuerySet[Transaction]:
    return Transaction.objects.select_related(*_WITH_PARTIES)
