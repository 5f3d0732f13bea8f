"""The first page of the back-office: how the books stand, made up of what each app knows.

Apps register panels, figures and wide panels under these names (`ledgerlink.dossier`).
Each is for those who may see the list behind it, and every number links there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from balances.models import Balance, Currency
from ledgerlink.dossier import panels_of
from transactions.approval_model import Approval, ApprovalQuerySet
from transactions.enums import ApprovalStatus
from transactions.totals import Activity, Span, SumsByType, held_of_users

PANEL, FIGURE, WIDE = "dashboard", "dashboard-figure", "dashboard-wide"
DAYS = 30  # today included


@dataclass(frozen=True)
class Overview:
    """What the panels are about. Sums are of one `currency`; days are those of UTC."""

    now: datetime
    currency: str
    currencies: list[str] = field(default_factory=list)  # in use

    @cached_property
    def today(self) -> datetime:
        return self.now.replace(hour=0, minute=0, second=0, microsecond=0)

    @cached_property
    def start(self) -> datetime:
        return self.today - timedelta(days=DAYS - 1)

    @cached_property
    def _activity(self) -> Activity:
        return Activity(self.start, self.now)

    @cached_property
    def by_hour(self) -> SumsByType:
        """What was completed today."""
        return self._activity.completed(self.currency, self.today, Span.HOUR)

    @cached_property
    def by_day(self) -> SumsByType:
        """What was completed since `start`."""
        return self._activity.completed(self.currency, self.start, Span.DAY)

    @cached_property
    def houses(self) -> list[Balance]:
        return list(Balance.objects.filter(house__isnull=False).order_by("currency", "house"))

    @cached_property
    def held(self) -> dict[str, int]:
        """Of users' money, by pending transactions, by currency."""
        return held_of_users(self.now)

    @property
    def to_approve(self) -> ApprovalQuerySet:
        return Approval.objects.with_status(ApprovalStatus.REQUESTED, self.now)

    @cached_property
    def refused_today(self) -> dict[str, int]:
        """In all currencies, by failure code."""
        return self._activity.refused(self.today)

    @cached_property
    def refused(self) -> dict[str, int]:
        """Since `start`."""
        return self._activity.refused(self.start)


@dataclass(frozen=True, slots=True)
class Figure:
    """A number with the list that it counts, or sums up."""

    text: str
    address: str


def day(at: datetime) -> str:
    """As the lists read it."""
    return f"{at:%Y-%m-%d}"


def figure(text: str | int, page: str, *args: object, **query: object) -> Figure:
    """`page` as in `ledgerlink.admin.link`."""
    shown = text if isinstance(text, str) else f"{text:,}"
    return Figure(shown, reverse(f"admin:{page}", args=args, query=query or None))


def show(request: HttpRequest, context: dict[str, Any]) -> Mapping[str, Any]:
    """Unfold's DASHBOARD_CALLBACK."""
    currencies = list(Currency.objects.order_by("code").values_list("code", flat=True))
    asked = request.GET.get("currency", settings.DEFAULT_CURRENCY)
    usual = settings.DEFAULT_CURRENCY if settings.DEFAULT_CURRENCY in currencies else ""
    currency = asked if asked in currencies else usual or next(iter(currencies), "")
    overview = Overview(timezone.now(), currency or settings.DEFAULT_CURRENCY, currencies)
    return {
        **context,
        "overview": overview,
        "figures": panels_of(FIGURE, request, overview),
        "panels": panels_of(PANEL, request, overview),
        "wide": panels_of(WIDE, request, overview),
    }
