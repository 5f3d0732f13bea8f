"""What balances add to the page of a customer: how each stands, and a chart of how it came to that.
Two queries, and a third for what has expired of what is held, however many balances and entries
there are."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest
from django.utils import timezone

from balances.enums import BalanceStatus
from balances.freezes import FROZEN
from balances.models import Balance
from balances.money import format_amount, money
from balances.point_in_time import amounts_over_time
from balances.queries import released_balances_of
from ledgerlink.dossier import Panel, deeds_of, panel
from users.models import User

MAX_CHARTS = 6
POINTS = 48  # of one chart
PERIODS = {"30": "30 days", "90": "90 days", "365": "1 year", "all": "All"}
DEFAULT_PERIOD = "90"
COLOURS = {
    BalanceStatus.ACTIVE: "success",
    BalanceStatus.DEBITS_FROZEN: "warning",
    BalanceStatus.FROZEN: "danger",
}


@panel("user", 10)
def standings(request: HttpRequest, user: User) -> Panel:
    balances = released_balances_of(user.pk)
    now = timezone.now()
    chosen = request.GET.get("period", DEFAULT_PERIOD)
    period = chosen if chosen in PERIODS else DEFAULT_PERIOD
    charts = _charts(balances, period, now)
    shown = {
        "balances": [_standing(request, b, now) | {"chart": charts.get(b.pk)} for b in balances],
        "options": json.dumps(_OPTIONS),
        "periods": [(key, name, key == period) for key, name in PERIODS.items()],
    }
    return Panel("balances", "Balances", "admin/dossier/balances.html", shown)


def _standing(request: HttpRequest, balance: Balance, now: datetime) -> dict[str, Any]:
    """A line of the panel; amounts as they are read."""
    status, currency = balance.status_at(now), balance.currency
    overdraft, owed = balance.overdraft_limit, -balance.available
    return {
        "balance": balance,
        "posted": money(balance.amount, currency),
        "held": money(balance.held, currency) if balance.held else "",
        "available": money(abs(balance.available), currency),
        "overdraft": money(overdraft, currency) if overdraft else "",
        "is_owed": owed > 0,
        "is_blocked": status in FROZEN and owed < 0,
        "status": status,
        "colour": COLOURS.get(status, ""),
        "deeds": deeds_of("balance", request, balance),
    }


# --- Charts ---


def _charts(balances: Sequence[Balance], period: str, now: datetime) -> dict[int, str]:
    """The data of a chart for each of the busiest balances, by primary key, for Chart.js."""
    busiest = sorted(balances, key=lambda b: -b.entry_count)[:MAX_CHARTS]
    drawn = [balance for balance in busiest if balance.entry_count]
    if not drawn:
        return {}
    opened = min(balance.created_at for balance in drawn)
    start = opened if period == "all" else max(opened, now - timedelta(days=int(period)))
    step = (now - start) / POINTS
    moments = [start + step * n for n in range(1, POINTS + 1)]
    amounts = amounts_over_time(drawn, moments)
    labels = [_label(moment, now - start) for moment in moments]
    return {b.pk: json.dumps(_chart(labels, amounts[b.pk], b.currency)) for b in drawn}


def _label(moment: datetime, span: timedelta) -> str:
    if span < timedelta(days=4):
        return f"{moment:%-d %b %H:%M}"
    return f"{moment:%-d %b}" if span < timedelta(days=300) else f"{moment:%-d %b %Y}"


def _chart(labels: list[str], amounts: list[int], currency: str) -> dict[str, Any]:
    line = {
        "label": currency,
        "data": [format_amount(amount, currency) for amount in amounts],
        "borderColor": "var(--color-primary-600)",
        "borderWidth": 2,
        "pointRadius": 0,
        "stepped": True,
    }
    return {"labels": labels, "datasets": [line]}


_TICKS = {"color": "#9ca3af", "maxTicksLimit": 5, "maxRotation": 0}
_DATES = _TICKS | {"maxTicksLimit": 4, "autoSkipPadding": 16}  # a phone has room for no more
_OPTIONS = {
    "responsive": True,
    "maintainAspectRatio": False,
    "animation": False,
    "interaction": {"intersect": False, "mode": "index"},
    "plugins": {"legend": {"display": False}},
    "scales": {
        "x": {"grid": {"display": False}, "ticks": _DATES},
        "y": {"grid": {"tickWidth": 0}, "ticks": _TICKS},
    },
}
