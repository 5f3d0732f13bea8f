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
from transactions.approval_model import Approval
from transactions.approval_orders import order_of, subject_of
from transactions.asked import Asked, LimitChange, ReversalAsked, as_json, from_json, kind_of
from transactions.enums import ApprovalStatus
from transactions.instructions import Approved, Outcome, Seen, Unit, UnitOutcome
from transactions.limits import set_limit
from transactions.posting import post
from transactions.processor import try_out
from transactions.signals import approval_changed
from users.actors import Actor
from users.collisions import retry_collisions
from users.models import User
from users.roles import Capability

CHUNK = 500
_NOBODY_YET = Approved(UUID(int=0), Actor.system("approvals"))


@dataclass(frozen=True, slots=True)
class Decision:
    """`refusal` is why the posting engine did not carry out what was approved."""

    approval: Approval
    refusal: LedgerError | None = None


def foresee(*, asked: Asked, reason: str, by: Actor) -> UnitOutcome:
    """What would come of it if it were approved now; nothing is kept. Of a limit there is nothing
    to foresee."""
    if isinstance(asked, LimitChange):
        return UnitOutcome([Outcome(None)])
    order = order_of(asked, reason=reason, requested_by=by, approved=_NOBODY_YET)
    return try_out(Unit([order]))


@retry_collisions
def request_approval(*, asked: Asked, reason: str, by: Actor) -> Approval:
    """Ask for something that a second person must approve.

    Raises NotAllowed, ExplanationMissing, UnknownParty, UnknownTransaction, UnknownCurrency, and
    whatever refuses it for good, such as NotReversible. What may change until it is approved (the
    funds, a freeze) does not count yet.
    """
    _require_explanation(reason)
    requester = _require_may(by, Capability.REQUEST_APPROVAL)
    (outcome,) = foresee(asked=asked, reason=reason, by=by).outcomes
    if outcome.error is not None and not isinstance(outcome.error, errors.PostingRefused):
        raise outcome.error
    if isinstance(asked, ReversalAsked) and asked.amount is None:
        assert outcome.posted is not None
        asked = replace(asked, amount=outcome.posted.transaction.amount)
    subject = subject_of(asked)
    at = timezone.now()
    with atomic():
        approval = Approval.objects.create(
            kind=kind_of(asked),
            asked=as_json(asked),
            summary=subject.summary,
            user=subject.user,
            currency=subject.currency,
            original=subject.original,
            reason=reason.strip(),
            requested_by=requester,
            requested_at=at,
            expires_at=at + timedelta(days=settings.APPROVAL_DAYS),
            status=ApprovalStatus.REQUESTED,
        )
        approval_changed.send(sender=None, approval=approval, actor=by)
    return approval


@retry_collisions
def approve(
    *, approval_id: UUID, by: Actor, comment: str = "", seen: Seen | None = None
) -> Decision:
    """Carry out what was asked, once. `seen` are balances as `by` saw them (a limit has none).

    Raises NotFound, NotAllowed, OwnRequest, ApprovalDecided, ApprovalExpired, RequesterNotAllowed,
    and VersionConflict when a balance has changed since: then nothing is decided. What the
    posting engine refuses is decided: the approval has failed, with the refusal's code.
    """
    with atomic():
        at = timezone.now()
        approval = _locked(approval_id)
        approver = _require_second_person(approval, by)
        _require_open(approval, at)
        if not _may(approval.requested_by, Capability.REQUEST_APPROVAL):
            raise errors.RequesterNotAllowed(
                f"{approval.requested_by} may no longer ask for this. Reject it."
            )
        approval.decided_by = approver
        outcome = _carry_out(approval, by, seen)
        refusal = outcome.error
        if outcome.posted is not None:
            approval.transaction = outcome.posted.transaction
        approval.failure_code = refusal.code if refusal is not None else ""
        status = ApprovalStatus.APPROVED if refusal is None else ApprovalStatus.FAILED
        _decide(approval, status, comment=comment, by=by, at=at)
    return Decision(approval, refusal)


@retry_collisions
def reject(*, approval_id: UUID, by: Actor, comment: str) -> Approval:
    """Raises NotFound, NotAllowed, OwnRequest, ApprovalDecided, ApprovalExpired, or
    ExplanationMissing without a comment."""
    _require_explanation(comment)
    with atomic():
        at = timezone.now()
        approval = _locked(approval_id)
        approval.decided_by = _require_second_person(approval, by)
        _require_open(approval, at)
        _decide(approval, ApprovalStatus.REJECTED, comment=comment, by=by, at=at)
    return approval


@retry_collisions
def withdraw(*, approval_id: UUID, by: Actor, comment: str = "") -> Approval:
    """Take one's own request back. Raises NotFound, NotAllowed, NotYourRequest, ApprovalDecided or
    ApprovalExpired."""
    with atomic():
        at = timezone.now()
        approval = _locked(approval_id)
        if _require_may(by, Capability.REQUEST_APPROVAL).pk != approval.requested_by_id:
            raise errors.NotYourRequest(f"{approval.requested_by} asked for this. Reject it.")
        _require_open(approval, at)
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


def _carry_out(approval: Approval, by: Actor, seen: Seen | None) -> Outcome:
    """Raises VersionConflict when a balance is not as it was seen."""
    asked = from_json(approval.kind, approval.asked)
    requester = approval.requested_by
    requested_by = Actor(requester.pk, requester.username, by.request)
    approved = Approved(approval.pk, by)
    if isinstance(asked, LimitChange):
        try:
            return _set_limit(asked, requested_by, approved)
        except LedgerError as error:
            return Outcome(None, error)
    order = order_of(asked, reason=approval.reason, requested_by=requested_by, approved=approved)
    (done,) = post([Unit([replace(order, seen=seen)])])
    (outcome,) = done.outcomes
    if isinstance(outcome.error, (errors.VersionConflict, errors.ActorInactive)):
        raise outcome.error
    return outcome


def _set_limit(asked: LimitChange, requested_by: Actor, approved: Approved) -> Outcome:
    subject = asked.role if asked.role is not None else subject_of(asked).user
    assert subject is not None
    set_limit(
        subject=subject,
        currency=asked.currency,
        per_transaction=asked.per_transaction,
        per_day=asked.per_day,
        by=requested_by,
        approved=approved,
    )
    return Outcome(None)


def _locked(approval_id: UUID) -> Approval:
    approval = Approval.objects.select_for_update().filter(pk=approval_id).first()
    if approval is None:
        raise NotFound("There is no such request.")
    return approval


def _decide(
    approval: Approval, status: ApprovalStatus, *, comment: str, by: Actor, at: datetime
) -> None:
    approval.status = status
    approval.decided_at = at
    approval.comment = comment.strip()
    approval.save(update_fields=_DECISION)
    approval_changed.send(sender=None, approval=approval, actor=by)


_DECISION = ("status", "decided_by", "decided_at", "comment", "failure_code", "transaction")


def _require_open(approval: Approval, at: datetime) -> None:
    status = approval.status_at(at)
    if status == ApprovalStatus.EXPIRED:
        raise errors.ApprovalExpired("Nobody decided in time. Ask for it again.")
    if status != ApprovalStatus.REQUESTED:
        by = "" if approval.decided_by is None else f" by {approval.decided_by}"
        raise errors.ApprovalDecided(f"The request was {status}{by}.")


def _require_second_person(approval: Approval, by: Actor) -> User:
    user = _require_may(by, Capability.APPROVE)
    if user.pk == approval.requested_by_id:
        raise errors.OwnRequest("You asked for this: somebody else must decide.")
    return user


def _require_may(by: Actor, capability: Capability) -> User:
    """The person, as the database has them now. Raises NotAllowed."""
    user = User.objects.filter(pk=by.user_id or 0).first() if by.is_person else None
    if user is None or not _may(user, capability):
        raise errors.NotAllowed("You may not do this.")
    return user


def _may(user: User, capability: Capability) -> bool:
    return user.is_active and user.can(capability)


def _require_explanation(text: str) -> None:
    if not text.strip():
        raise errors.ExplanationMissing("Say why, for whoever reads it later.")
