"""What waits for somebody: pending transactions, and requests for a second person's approval."""

from typing import Any

from django.db.models import Count, Q
from django.http import HttpRequest

from ledgerlink.dossier import Panel, panel
from ledgerlink.timestamps import rfc3339
from transactions.dashboard.overview import FIGURE, PANEL, Overview, figure
from transactions.enums import ApprovalStatus, TransactionStatus
from transactions.models import Transaction

TRANSACTIONS = "transactions_transaction_changelist"
APPROVALS = "transactions_approval_changelist"
SHOWN = 5


@panel(FIGURE, 30)
def pending(request: HttpRequest, overview: Overview) -> Panel | None:
    if not request.user.has_perm("transactions.view_transaction"):
        return None
    past = Q(expires_at__lt=overview.now)
    waiting = Transaction.objects.filter(status=TransactionStatus.PENDING)
    counts = waiting.aggregate(all=Count("pk"), over=Count("pk", filter=past))
    query = {"status": TransactionStatus.PENDING.value}
    context: dict[str, Any] = {"figure": figure(counts["all"], TRANSACTIONS, **query)}
    if counts["over"]:
        query["expires_at__lt"] = rfc3339(overview.now)
        context["text"] = figure(counts["over"], TRANSACTIONS, **query)
        context["words"] = "past their time"
    else:
        context["words"] = "in all currencies"
    return Panel("pending", "Pending", "admin/dashboard/figure.html", context)


@panel(FIGURE, 50)
def to_approve(request: HttpRequest, overview: Overview) -> Panel | None:
    if not request.user.has_perm("transactions.view_approval"):
        return None
    mine = overview.to_approve.filter(requested_by=request.user.pk).count()
    context: dict[str, Any] = {"figure": _queue(overview), "words": "by a second person"}
    if mine:
        query: dict[str, object] = {"status": ApprovalStatus.REQUESTED.value}
        query["requested_by"] = request.user.pk
        context["text"] = figure(mine, APPROVALS, **query)
        context["words"] = "of them asked for by you"
    return Panel("to-approve", "To be approved", "admin/dashboard/figure.html", context)


@panel(PANEL, 15)
def oldest_requests(request: HttpRequest, overview: Overview) -> Panel | None:
    if not request.user.has_perm("transactions.view_approval"):
        return None
    oldest = overview.to_approve.select_related("requested_by").order_by("pk")[:SHOWN]
    context = {"rows": list(oldest), "all": _queue(overview), "me": request.user.pk}
    template = "admin/dashboard/approvals.html"
    return Panel("approvals", "Waiting for approval", template, context, aside=True)


def _queue(overview: Overview) -> Any:
    query = {"status": ApprovalStatus.REQUESTED.value}
    return figure(overview.to_approve.count(), APPROVALS, **query)
