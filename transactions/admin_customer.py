"""What transactions add to the page of a customer: the newest ones, what is held, and limits. A
fixed number of queries, and of rows that are read, however many transactions there are."""

from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse

from balances.models import Balance
from balances.money import money
from balances.queries import balances_of
from ledgerlink.dossier import Panel, panel
from transactions.admin_colours import STATUS_COLOURS
from transactions.enums import TransactionStatus
from transactions.models import Transaction, TransactionLimit
from transactions.queries import PARTIES, newest_of
from users.models import User

NEWEST = 12
MAX_HOLDS = 20


@panel("user", 20)
def holds(request: HttpRequest, user: User) -> Panel | None:
    """What is pending out of the user's balances; none of them, none shown."""
    holding = [balance for balance in balances_of(user.pk) if balance.held]
    if not holding:
        return None
    pending = (
        Transaction.objects.filter(status=TransactionStatus.PENDING, source__in=holding)
        .order_by("expires_at")
        .prefetch_related("destination__user")[: MAX_HOLDS + 1]
    )
    shown = {
        "holds": [(t, money(t.amount, t.currency)) for t in pending],
        "shown": MAX_HOLDS,
    }
    return Panel("holds", "Holds", "admin/dossier/holds.html", shown)


@panel("user", 30)
def activity(request: HttpRequest, user: User) -> Panel:
    balances = {balance.pk: balance for balance in balances_of(user.pk)}
    newest = newest_of(list(balances), NEWEST, PARTIES)
    shown = {
        "lines": [_line(t, balances) for t in newest],
        "all": reverse("admin:transactions_transaction_changelist", query={"party": user.pk}),
    }
    return Panel("activity", "Recent activity", "admin/dossier/activity.html", shown)


def _line(t: Transaction, own: dict[int, Balance]) -> dict[str, Any]:
    is_out = t.source_id in own
    return {
        "transaction": t,
        "other": t.destination if is_out else t.source,
        "way": "to" if is_out else "from",
        "amount": ("-" if is_out else "+") + money(t.amount, t.currency),
        "colour": STATUS_COLOURS[TransactionStatus(t.status)],
        "moved": t.status == TransactionStatus.COMPLETED,
        "is_out": is_out,
    }


@panel("user", 40)
def limits(request: HttpRequest, user: User) -> Panel:
    found = list(TransactionLimit.objects.filter(Q(user=user) | Q(role=user.role)))
    of_role = {limit.currency: limit for limit in found if limit.user_id is None}
    own = {limit.currency: limit for limit in found if limit.user_id is not None}
    standing = of_role | own  # their own stands before their role's
    shown = {"limits": [_limit(standing[currency]) for currency in sorted(standing)]}
    return Panel("limits", "Limits", "admin/dossier/limits.html", shown, aside=True)


def _limit(limit: TransactionLimit) -> dict[str, Any]:
    return {
        "limit": limit,
        "at_once": _amount(limit.per_transaction, limit.currency),
        "a_day": _amount(limit.per_day, limit.currency),
        "of_role": limit.user_id is None,
    }


def _amount(minor: int | None, currency: str) -> str:
    return "no limit" if minor is None else money(minor, currency)
