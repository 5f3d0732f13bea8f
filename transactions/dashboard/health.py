"""Whether the books hold: what the last proofs found, and how long ago that was."""

from datetime import datetime, timedelta

from django.http import HttpRequest
from django.urls import reverse
from django.utils.timesince import timesince

from ledgerlink.dossier import Panel, panel, panels_of
from transactions.dashboard.overview import PANEL, Figure, Overview
from transactions.models import Reconciliation

SIGN = "dashboard-sign"  # what apps register their signs of health under
STALE = timedelta(hours=26)  # of what is done once a day


@panel(PANEL, 5)
def health(request: HttpRequest, overview: Overview) -> Panel | None:
    signs = panels_of(SIGN, request, overview)
    if not signs:
        return None
    template = "admin/dashboard/health.html"
    return Panel("health", "Health of the books", template, {"signs": signs}, aside=True)


def sign(
    anchor: str,
    title: str,
    *,
    label: str,
    colour: str,
    text: str,
    page: str = "",
    figure: Figure | None = None,
    words: str = "",
) -> Panel:
    """A line of the panel: a label in a colour, which leads to a page, a sentence, and perhaps a
    number with its list, and what it is of."""
    context = {
        "label": label,
        "colour": colour,
        "page": page,
        "text": text,
        "figure": figure,
        "words": words,
    }
    return Panel(anchor, title, "admin/dashboard/sign.html", context)


def colour_of(*, holds: bool, at: datetime, now: datetime) -> str:
    if not holds:
        return "danger"
    return "success" if now - at < STALE else "warning"


def ago(at: datetime, now: datetime) -> str:
    return f"{timesince(at, now, depth=1)} ago" if now - at >= timedelta(minutes=1) else "just now"


@panel(SIGN, 10)
def last_reconciliation(request: HttpRequest, overview: Overview) -> Panel | None:
    if not request.user.has_perm("transactions.view_reconciliation"):
        return None
    run = Reconciliation.objects.order_by("pk").last()
    if run is None:
        return sign(
            "reconciled",
            "Reconciliation",
            label="Never",
            colour="warning",
            text="The books were never proved. Ask your operators for a reconciliation",
        )
    page = reverse("admin:transactions_reconciliation_change", args=[run.pk])
    when = ago(run.started_at, overview.now)
    return sign(
        "reconciled",
        "Reconciliation",
        label="Holds" if run.holds else "Broken",
        colour=colour_of(holds=run.holds, at=run.started_at, now=overview.now),
        page=page,
        text=f"The rules of the books were checked {when}",
        figure=None if run.holds else Figure(counted(run.breaches, "breach", "breaches"), page),
        words="found. Tell your operators before you post anything large",
    )


def counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
