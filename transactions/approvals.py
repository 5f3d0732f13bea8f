"""Maker and checker: one member of staff asks, another approves, and the order is carried out.

Each function is one database transaction, with its audit row inside. The approval's row is locked
first, then the balances (by the posting engine), so that no two of them can deadlock, and of two
people who decide at once the second one finds it decided.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db.transaction import atomic
from django.utils import timezone

from ledgerlink.errors import LedgerError, NotFound
from transactions import errors
from transactions.approval_guards import (
    explanation,
    fitting,
    require_may,
    require_open,
    require_requester,
    require_second_person,
)
from transactions.approval_model import Approval
from transactions.approval_orders import order_of, subject_of
from transactions.asked import Asked, LimitChange, ReversalAsked, as_json, from_json, kind_of
from transactions.enums import ApprovalStatus
from transactions.instructions import Approved, Outcome, Seen, Unit, UnitOutcome
from transactions.limits import Standing, require_version, set_limit, standing_limit
from transactions.posting import post
from transactions.processor import try_out
from transactions.signals import approval_changed
from users.actors import Actor
from users.collisions import retry_collisions
from users.models import User
from users.roles import Capability, Role

CHUNK = 500
_NOBODY_YET = Approved(UUID(int=0), Actor.system("approvals"))


@dataclass(frozen=True, slots=True)
class Decision:
    """`refusal` is why the posting engine did not carry out what was approved."""

    approval: Approval
    refusal: LedgerError | None = None


def foresee(*, asked: Asked, reason: str, by: Actor, seen: Seen | None = None) -> UnitOutcome:
    """What would come of it if it were approved now; nothing is kept. Of a limit there is nothing
    to foresee."""
    if isinstance(asked, LimitChange):
        return UnitOutcome([Outcome(None)])
    order = order_of(asked, reason=reason, requested_by=by, approved=_NOBODY_YET)
    return try_out(Unit([replace(order, seen=seen)]))


def limit_now(asked: Asked, *, locked: bool = False) -> Standing | None:
    """The limit that would be replaced, as it stands; None of what changes no limit. Raises
    UnknownParty."""
    if not isinstance(asked, LimitChange):
        return None
    return standing_limit(_limited(asked), asked.currency, locked=locked)


@retry_collisions
def request_approval(
    *,
    asked: Asked,
    reason: str,
    by: Actor,
    seen: Seen | None = None,
    limit_version: int | None = None,
) -> Approval:
    """Ask for something that a second person must approve. `seen` are balances as `by` saw them,
    `limit_version` is of the limit.

    Raises NotAllowed, ExplanationMissing, ExplanationTooLong, VersionConflict when a balance or the
    limit has changed since it was seen, UnknownParty, UnknownTransaction, UnknownCurrency, and
    whatever refuses it for good, such as NotReversible. What may change until it is approved (the
    funds, a freeze) does not count yet.
    """
    reason = explanation(reason)
    requester = require_may(by, Capability.REQUEST_APPROVAL)
    with atomic():
        asked = _as_it_can_be_asked(asked, reason, by, seen, limit_version)
        subject = subject_of(asked)
        at = timezone.now()
        approval = Approval.objects.create(
            kind=kind_of(asked),
            asked=as_json(asked),
            summary=subject.summary,
            user=subject.user,
            currency=subject.currency,
            original=subject.original,
            reason=reason,
            requested_by=requester,
            requested_at=at,
            expires_at=at + timedelta(days=settings.APPROVAL_DAYS),
            status=ApprovalStatus.REQUESTED,
        )
        approval_changed.send(sender=None, approval=approval, actor=by)
    return approval


@retry_collisions
def approve(
    *,
    approval_id: UUID,
    by: Actor,
    comment: str = "",
    seen: Seen | None = None,
    limit_version: int | None = None,
) -> Decision:
    """Carry out what was asked, once. `seen` are balances as `by` saw them, `limit_version` is of
    the limit.

    Raises ExplanationTooLong, NotFound, NotAllowed, OwnRequest, ApprovalDecided, ApprovalExpired,
    RequesterNotAllowed, and VersionConflict when a balance or the limit has changed since: then
    nothing is decided. What the posting engine refuses is decided: the approval has failed, with
    the refusal's code.
    """
    comment = fitting(comment)
    with atomic():
        approval, at = _locked(approval_id)
        approval.decided_by = require_second_person(approval, by)
        require_open(approval, at)
        require_requester(approval)
        outcome = _carry_out(approval, by, seen, limit_version)
        refusal = outcome.error
        if outcome.posted is not None:
            approval.transaction = outcome.posted.transaction
        approval.failure_code = refusal.code if refusal is not None else ""
        status = ApprovalStatus.APPROVED if refusal is None else ApprovalStatus.FAILED
        _decide(approval, status, comment=comment, by=by, at=at)
    return Decision(approval, refusal)


@retry_collisions
def reject(*, approval_id: UUID, by: Actor, comment: str) -> Approval:
    """Raises ExplanationMissing or ExplanationTooLong (of the comment), NotFound, NotAllowed,
    OwnRequest, ApprovalDecided or ApprovalExpired."""
    comment = explanation(comment)
    with atomic():
        approval, at = _locked(approval_id)
        approval.decided_by = require_second_person(approval, by)
        require_open(approval, at)
        _decide(approval, ApprovalStatus.REJECTED, comment=comment, by=by, at=at)
    return approval


@retry_collisions
def withdraw(*, approval_id: UUID, by: Actor, comment: str = "") -> Approval:
    """Take one's own request back. Raises NotFound, NotAllowed, NotYourRequest, ApprovalDecided,
    ApprovalExpired or ExplanationTooLong."""
    comment = fitting(comment)
    with atomic():
        approval, at = _locked(approval_id)
        if require_may(by, Capability.REQUEST_APPROVAL).pk != approval.requested_by_id:
            raise errors.NotYourRequest(f"{approval.requested_by} asked for this. Reject it.")
        require_open(approval, at)
        _decide(approval, ApprovalStatus.WITHDRAWN, comment=comment, by=by, at=at)
    return approval


def expire_approvals(stops: Callable[[], bool] = lambda: False) -> int:
    """Record every request that nobody decided in time; how many there were."""
    by = Actor.system("expire_pending")
    count = 0
    while not stops():
        with atomic():
            at = timezone.now()
            over = Approval.objects.select_for_update().filter(
                status=ApprovalStatus.REQUESTED, expires_at__lte=at
            )
            approvals = list(over.order_by("pk")[:CHUNK])
            for approval in approvals:
                _decide(approval, ApprovalStatus.EXPIRED, comment="", by=by, at=at)
        if not approvals:
            break
        count += len(approvals)
    return count


def _as_it_can_be_asked(
    asked: Asked, reason: str, by: Actor, seen: Seen | None, limit_version: int | None
) -> Asked:
    """With the amount of a reversal of all that is left. What it was judged by is locked."""
    standing = limit_now(asked, locked=True)
    if standing is not None:
        require_version(standing, limit_version)
    (outcome,) = foresee(asked=asked, reason=reason, by=by, seen=seen).outcomes
    refusal = outcome.error
    may_pass = isinstance(refusal, errors.PostingRefused)
    if refusal is not None and (isinstance(refusal, errors.VersionConflict) or not may_pass):
        raise refusal
    if isinstance(asked, ReversalAsked) and asked.amount is None:
        assert outcome.posted is not None
        return replace(asked, amount=outcome.posted.transaction.amount)
    return asked


def _carry_out(
    approval: Approval, by: Actor, seen: Seen | None, limit_version: int | None
) -> Outcome:
    """Raises what leaves the request open: somebody else, or the same person a moment later, may
    still approve it."""
    asked = from_json(approval.kind, approval.asked)
    requester = approval.requested_by
    requested_by = Actor(requester.pk, requester.username, by.request)
    approved = Approved(approval.pk, by)
    if isinstance(asked, LimitChange):
        try:
            return _set_limit(asked, requested_by, approved, limit_version)
        except errors.UnknownParty as error:
            return Outcome(None, error)
    order = order_of(asked, reason=approval.reason, requested_by=requested_by, approved=approved)
    (done,) = post([Unit([replace(order, seen=seen)])])
    (outcome,) = done.outcomes
    if isinstance(outcome.error, _LEAVES_IT_OPEN):
        raise outcome.error
    return outcome


_LEAVES_IT_OPEN = (errors.VersionConflict, errors.ActorInactive, errors.NotAllowed)


def _set_limit(
    asked: LimitChange, requested_by: Actor, approved: Approved, limit_version: int | None
) -> Outcome:
    set_limit(
        subject=_limited(asked),
        currency=asked.currency,
        per_transaction=asked.per_transaction,
        per_day=asked.per_day,
        by=requested_by,
        approved=approved,
        expected_version=limit_version,
    )
    return Outcome(None)


def _limited(asked: LimitChange) -> User | Role:
    """Raises UnknownParty or UnknownCurrency."""
    subject = asked.role if asked.role is not None else subject_of(asked).user
    assert subject is not None
    return subject


def _locked(approval_id: UUID) -> tuple[Approval, datetime]:
    """The request, and the moment from which nobody else can decide on it. Raises NotFound."""
    approval = Approval.objects.select_for_update().filter(pk=approval_id).first()
    if approval is None:
        raise NotFound("There is no such request.")
    return approval, timezone.now()


def _decide(
    approval: Approval, status: ApprovalStatus, *, comment: str, by: Actor, at: datetime
) -> None:
    approval.status = status
    approval.decided_at = at
    approval.comment = comment
    approval.save(update_fields=_DECISION)
    approval_changed.send(sender=None, approval=approval, actor=by)


_DECISION = ("status", "decided_by", "decided_at", "comment", "failure_code", "transaction")
