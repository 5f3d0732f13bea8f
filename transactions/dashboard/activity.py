"""What moved today and in thirty days, by type, and what was refused."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpRequest

from balances.money import format_amount, money
from ledgerlink.dossier import Panel, panel
from ledgerlink.errors import title_of
from transactions.dashboard.overview import DAYS, FIGURE, PANEL, Figure, Overview, day, figure
from transactions.enums import TransactionStatus, TransactionType
from transactions.totals import Sums, SumsByType

LIST = "transactions_transaction_changelist"
# Told apart by those who see colours differently, too (Okabe and Ito), on white and on black.
COLOURS = {
    TransactionType.DEPOSIT: "#009e73",
    TransactionType.WITHDRAWAL: "#e69f00",
    TransactionType.TRANSFER: "#3b8ed0",
    TransactionType.ADJUSTMENT: "#cc79a7",
    TransactionType.REVERSAL: "#d55e00",
}
_TICKS = {"color": "#9ca3af", "maxRotation": 0, "autoSkipPadding": 12}
_OPTIONS = {
    "responsive": True,
    "maintainAspectRatio": False,
    "animation": False,
    "interaction": {"intersect": False, "mode": "index"},
    "plugins": {"legend": {"display": False}},
    "scales": {
        "x": {"stacked": True, "grid": {"display": False}, "ticks": _TICKS},
        "y": {
            "stacked": True,
            "beginAtZero": True,
            "grid": {"tickWidth": 0},
            "ticks": {
                **_TICKS,
                "maxTicksLimit": 5,
                "format": {"notation": "compact", "maximumFractionDigits": 1},
            },
        },
    },
}


def _sees(request: HttpRequest) -> bool:
    return request.user.has_perm("transactions.view_transaction")


@panel(FIGURE, 10)
def moved_today(request: HttpRequest, overview: Overview) -> Panel | None:
    if not _sees(request):
        return None
    count, amount = _together(overview.by_hour.values())
    query = _completed(overview, overview.today)
    context = {
        "figure": figure(money(amount, overview.currency), LIST, **query),
        "text": figure(_transactions(count), LIST, **query),
    }
    return Panel("moved", "Moved today", "admin/dashboard/figure.html", context)


@panel(FIGURE, 40)
def refused_today(request: HttpRequest, overview: Overview) -> Panel | None:
    if not _sees(request):
        return None
    today, month = sum(overview.refused_today.values()), sum(overview.refused.values())
    context = {
        "figure": figure(today, LIST, **_failed(overview.today)),
        "text": figure(f"{month:,} in {DAYS} days", LIST, **_failed(overview.start)),
    }
    return Panel("refused-today", "Refused today", "admin/dashboard/figure.html", context)


@panel(PANEL, 10)
def activity(request: HttpRequest, overview: Overview) -> Panel | None:
    if not _sees(request):
        return None
    by_hour, by_day = overview.by_hour, overview.by_day
    hours = [overview.today + timedelta(hours=n) for n in range(24)]
    days = [overview.start + timedelta(days=n) for n in range(DAYS)]
    shown = [kind for kind in TransactionType if any(of == kind for _, of in by_day)]
    context = {
        "rows": [_row(kind, overview, by_hour, by_day) for kind in shown],
        "total": _row(None, overview, by_hour, by_day),
        "options": json.dumps(_OPTIONS),
        "charts": [
            *_charts("Today, by the hour", [f"{h:%H:00}" for h in hours], hours, by_hour, overview),
            *_charts(f"{DAYS} days", [f"{d:%-d %b}" for d in days], days, by_day, overview),
        ],
        "currency": overview.currency,
        "days": DAYS,
    }
    title = f"Completed transactions in {overview.currency}"
    return Panel("activity", title, "admin/dashboard/activity.html", context)


@panel(PANEL, 30)
def refusals(request: HttpRequest, overview: Overview) -> Panel | None:
    if not _sees(request):
        return None
    today, month = overview.refused_today, Counter(overview.refused)
    reasons = [
        {
            "title": title_of(code),
            "today": figure(today.get(code, 0), LIST, **_failed(overview.today, code)),
            "month": figure(count, LIST, **_failed(overview.start, code)),
        }
        for code, count in month.most_common()
    ]
    context = {"reasons": reasons, "days": DAYS}
    return Panel(
        "refused",
        "Why transactions were refused",
        "admin/dashboard/refused.html",
        context,
        aside=True,
    )


def _together(sums: Iterable[Sums]) -> tuple[int, int]:
    sums = list(sums)
    return sum(s.count for s in sums), sum(s.amount for s in sums)


def _transactions(count: int) -> str:
    return f"{count:,} transaction{'' if count == 1 else 's'}"


def _row(
    kind: TransactionType | None, overview: Overview, by_hour: SumsByType, by_day: SumsByType
) -> dict[str, Any]:
    """Of one type, or of all together."""

    def figures(sums: SumsByType, since: datetime) -> tuple[Figure, Figure]:
        count, amount = _together(s for (_, of), s in sums.items() if kind in {None, of})
        query = _completed(overview, since, kind)
        volume = figure(money(amount, overview.currency), LIST, **query)
        return figure(count, LIST, **query), volume

    return {
        "title": kind.label if kind else "All",
        "colour": COLOURS[kind] if kind else "",
        "today": figures(by_hour, overview.today),
        "month": figures(by_day, overview.start),
    }


def _completed(
    overview: Overview, since: datetime, kind: TransactionType | None = None
) -> dict[str, str]:
    """The list of the completed ones."""
    query = {"currency": overview.currency, "completed_at__gte": day(since)}
    return {"type": kind.value, **query} if kind else query


def _failed(since: datetime, code: str = "") -> dict[str, str]:
    query = {"status": TransactionStatus.FAILED.value, "since": day(since)}
    return {**query, "failure_code": code} if code else query


def _charts(
    title: str, labels: list[str], moments: Sequence[datetime], sums: SumsByType, overview: Overview
) -> list[dict[str, str]]:
    """One of the amounts and one of the numbers."""
    empty = Sums()
    by_type: dict[TransactionType, list[Sums]] = defaultdict(list)
    for kind in {of for _, of in sums}:
        by_type[kind] = [sums.get((at, kind), empty) for at in moments]

    def chart(of: Any) -> str:
        sets = [
            {
                "label": kind.label,
                "data": [of(s) for s in by_type[kind]],
                "backgroundColor": COLOURS[kind],
                "maxBarThickness": 18,
            }
            for kind in TransactionType
            if kind in by_type
        ]
        return json.dumps({"labels": labels, "datasets": sets})

    return [
        {
            "title": f"{title}: amount",
            "data": chart(lambda s: format_amount(s.amount, overview.currency)),
        },
        {"title": f"{title}: number", "data": chart(lambda s: s.count)},
    ]
