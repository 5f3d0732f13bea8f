"""Whose money it is: what is held for users, the house accounts, and the large movements."""

from typing import Any

from django.db.models import prefetch_related_objects
from django.http import HttpRequest

from balances.enums import House
from balances.models import Balance
from balances.money import format_amount, money
from ledgerlink.dossier import Panel, panel
from transactions.dashboard.overview import (
    DAYS,
    FIGURE,
    PANEL,
    WIDE,
    Figure,
    Overview,
    day,
    figure,
)
from transactions.models import Transaction
from transactions.queries import PARTIES, largest_completed

BALANCES = "balances_balance_changelist"
BALANCE = "balances_balance_change"
TRANSACTIONS = "transactions_transaction_changelist"
LARGE = 100  # so many count as large; the newest of them are shown
SHOWN = 8


@panel(FIGURE, 20)
def held_for_users(request: HttpRequest, overview: Overview) -> Panel | None:
    if not request.user.has_perm("balances.view_balance"):
        return None
    context = {
        "figure": _users(overview, overview.currency),
        "text": _reserved(overview, overview.currency),
        "words": "reserved by pending ones",
    }
    return Panel("held-for-users", "Held for users", "admin/dashboard/figure.html", context)


@panel(WIDE, 10)
def by_currency(request: HttpRequest, overview: Overview) -> Panel | None:
    """A trial balance: each line sums to zero."""
    if not request.user.has_perm("balances.view_balance"):
        return None
    context = {
        "houses": [house.owner_name for house in House],
        "rows": [_row(overview, currency) for currency in overview.currencies],
    }
    return Panel("balances", "Balances by currency", "admin/dashboard/balances.html", context)


def _row(overview: Overview, currency: str) -> dict[str, Any]:
    of = {house.house: house for house in overview.houses if house.currency == currency}
    return {
        "currency": currency,
        "users": _users(overview, currency),
        "reserved": _reserved(overview, currency),
        "houses": [(house.owner_name, _house(of.get(house.value))) for house in House],
    }


def _users(overview: Overview, currency: str) -> Figure:
    """All balances of a currency sum to zero (invariants 1 and 2), so users hold together what the
    house accounts do, with the sign turned. They are not read one by one."""
    owed = -sum(house.amount for house in overview.houses if house.currency == currency)
    return figure(money(owed, currency), BALANCES, currency=currency, owner="users")


def _reserved(overview: Overview, currency: str) -> Figure:
    """What is held of it (invariant 3)."""
    held = money(overview.held.get(currency, 0), currency)
    return figure(held, BALANCES, currency=currency, owner="users", held__gt=0)


def _house(balance: Balance | None) -> Figure | None:
    """None: nothing ever moved there."""
    if balance is None:
        return None
    return figure(money(balance.amount, balance.currency), BALANCE, balance.pk)


@panel(PANEL, 20)
def large_movements(request: HttpRequest, overview: Overview) -> Panel | None:
    if not request.user.has_perm("transactions.view_transaction"):
        return None
    largest = _without_ties(largest_completed(overview.currency, overview.start, LARGE + 1))
    newest = sorted(largest, key=lambda t: (t.completed_at, t.pk), reverse=True)[:SHOWN]
    prefetch_related_objects(newest, *PARTIES)
    context: dict[str, Any] = {
        "rows": [(t, money(t.amount, t.currency)) for t in newest],
        "days": DAYS,
        "currency": overview.currency,
    }
    if largest:
        least = largest[-1].amount
        query = {
            "currency": overview.currency,
            "amount_from": format_amount(least, overview.currency),
            "completed_at__gte": day(overview.start),
        }
        count = len(largest) if len(largest) <= LARGE else f"more than {LARGE}"
        context["all"] = figure(count, TRANSACTIONS, **query)
        context["least"] = money(least, overview.currency)
    return Panel("large", "Newest of the largest movements", "admin/dashboard/large.html", context)


def _without_ties(largest: list[Transaction]) -> list[Transaction]:
    """Of at most LARGE and one more, the largest first, those that the list from some amount up
    holds: when the one more is as large as the last, none of that amount. Where all are of one
    amount, they are told to be more than LARGE."""
    if len(largest) <= LARGE:
        return largest
    beyond = largest[-1].amount
    larger = [t for t in largest if t.amount > beyond]
    return larger or largest
