"""The page of one request for approval, and requests on the pages of those they are about."""

from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from balances.money import money
from ledgerlink.context import current_request
from ledgerlink.dossier import Event, Panel, panel, panels_of
from ledgerlink.errors import TryAgainLater, title_of
from transactions import approvals
from transactions.admin_colours import APPROVAL_COLOURS
from transactions.admin_holding_back import limit_facts
from transactions.admin_preview import lines_of, told
from transactions.admin_seen import Sight
from transactions.approval_model import COMMENT_MAX_LENGTH, Approval
from transactions.asked import LimitChange, from_json
from transactions.enums import ApprovalStatus
from transactions.errors import UnknownParty
from transactions.instructions import Outcome, UnitOutcome
from transactions.limits import Standing
from transactions.models import Transaction
from users.actors import Actor
from users.models import User
from users.roles import Capability

PEOPLE = ("user", "requested_by", "decided_by")
SHOWN = 10  # on the pages of others


def foresee(approval: Approval) -> UnitOutcome:
    """What would come of it if it were approved now."""
    requester = approval.requested_by
    return approvals.foresee(
        asked=from_json(approval.kind, approval.asked),
        reason=approval.reason,
        by=Actor(requester.pk, requester.username, current_request.get()),
    )


def sight_of(approval: Approval) -> Sight:
    """What the page would show now. Raises TryAgainLater."""
    return Sight.of(foresee(approval), _limit(approval))


def approval_dossier(request: HttpRequest, approval: Approval) -> dict[str, Any]:
    """`approval` has its PEOPLE."""
    status = approval.status_at(timezone.now())
    limit = _limit(approval)
    context = {
        "title": approval.summary,
        "status": status,
        "status_colour": APPROVAL_COLOURS[status],
        "facts": _facts(approval, limit),
        "why_failed": title_of(approval.failure_code) if approval.failure_code else "",
        "timeline": _timeline(approval, status),
        "panels": panels_of("approval", request, approval),
        "max_comment": COMMENT_MAX_LENGTH,
    }
    if status == ApprovalStatus.REQUESTED:
        context |= _now(approval, limit) | _deeds(request, approval)
    return context


def _now(approval: Approval, limit: Standing | None) -> dict[str, Any]:
    """What would come of it now, and what is sent back with the approval."""
    try:
        foreseen = foresee(approval)
    except TryAgainLater as error:
        return {"why_not": error.detail, "seen": ""}
    (outcome,) = foreseen.outcomes
    return {
        "lines": lines_of(foreseen),
        "why_not": _why_not(outcome, foreseen),
        "seen": Sight.of(foreseen, limit).sealed(str(approval.pk)),
    }


def _why_not(outcome: Outcome, foreseen: UnitOutcome) -> str:
    return "" if outcome.error is None else told(outcome.error, foreseen)


def _limit(approval: Approval) -> Standing | None:
    """The limit that would be replaced; None where there is none to look at."""
    if approval.decided_at is not None:
        return None
    try:
        return approvals.limit_now(from_json(approval.kind, approval.asked))
    except UnknownParty:
        return None


def _facts(approval: Approval, limit: Standing | None) -> list[tuple[str, str]]:
    asked = from_json(approval.kind, approval.asked)
    if isinstance(asked, LimitChange) and limit is not None:
        return limit_facts(asked, limit)
    named = (("Description", "description"), ("Reference", "reference"))
    return [(label, value) for label, name in named if (value := getattr(asked, name, ""))]


def _deeds(request: HttpRequest, approval: Approval) -> dict[str, Any]:
    """Who may do what: the domain has the last word."""
    user = request.user
    assert isinstance(user, User)  # the site lets only staff come here
    is_own = user.pk == approval.requested_by_id
    may_decide = user.can(Capability.APPROVE)
    return {
        "may_decide": may_decide and not is_own,
        "approve": _approve(approval),
        "may_withdraw": is_own and user.can(Capability.REQUEST_APPROVAL),
    }


def _approve(approval: Approval) -> str:
    """What the button says."""
    amount = getattr(from_json(approval.kind, approval.asked), "amount", None)
    return "Approve" if amount is None else f"Approve {money(amount, approval.currency)}"


def _timeline(approval: Approval, status: ApprovalStatus) -> list[Event]:
    asked = Event(
        approval.requested_at, "Asked for", approval.requested_by.username, approval.reason
    )
    if approval.decided_at is not None:
        who = approval.decided_by.username if approval.decided_by else ""
        if status == ApprovalStatus.WITHDRAWN:
            who = approval.requested_by.username
        colour = APPROVAL_COLOURS[status]
        return [asked, Event(approval.decided_at, _decided(status), who, approval.comment, colour)]
    if status == ApprovalStatus.EXPIRED:
        return [asked, Event(approval.expires_at, "Expired", colour="warning")]
    return [asked, Event(approval.expires_at, "Expires", text="unless somebody decides before")]


def _decided(status: ApprovalStatus) -> str:
    if status == ApprovalStatus.FAILED:
        return "Approved, but it could not be done"
    return str(status.label)


# --- On the pages of others ---


@panel("user", 15)
def waiting_for_user(request: HttpRequest, user: User) -> Panel | None:
    now = timezone.now()
    waiting = Approval.objects.with_status(ApprovalStatus.REQUESTED, now).filter(user=user)
    return _panel(list(waiting.select_related("requested_by").order_by("-pk")[:SHOWN]))


@panel("transaction", 40)
def of_transaction(request: HttpRequest, transaction: Transaction) -> Panel | None:
    found = Approval.objects.filter(Q(original=transaction) | Q(transaction=transaction))
    return _panel(list(found.select_related("requested_by").order_by("-pk")[:SHOWN]))


def _panel(found: list[Approval]) -> Panel | None:
    if not found:
        return None
    now = timezone.now()
    rows = [(a, status := a.status_at(now), APPROVAL_COLOURS[status]) for a in found]
    shown = {"rows": rows, "all": reverse("admin:transactions_approval_changelist")}
    return Panel("approvals", "Requests for approval", "admin/dossier/approvals.html", shown)
