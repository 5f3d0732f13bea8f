"""Who may ask and decide, until when, and what must be said: looked at under the lock of the
request, in the database."""

from datetime import datetime

from transactions import errors
from transactions.approval_model import APPROVAL_REASON_MAX_LENGTH, COMMENT_MAX_LENGTH, Approval
from transactions.enums import ApprovalStatus
from users.actors import Actor
from users.models import User
from users.roles import Capability

TEXT_MAX_LENGTH = min(APPROVAL_REASON_MAX_LENGTH, COMMENT_MAX_LENGTH)


def require_open(approval: Approval, at: datetime) -> None:
    """Raises ApprovalExpired or ApprovalDecided."""
    status = approval.status_at(at)
    if status == ApprovalStatus.EXPIRED:
        raise errors.ApprovalExpired("Nobody decided in time. Ask for it again.")
    if status != ApprovalStatus.REQUESTED:
        by = "" if approval.decided_by is None else f" by {approval.decided_by}"
        raise errors.ApprovalDecided(f"The request was {status}{by}.")


def require_second_person(approval: Approval, by: Actor) -> User:
    """Raises NotAllowed or OwnRequest."""
    user = require_may(by, Capability.APPROVE)
    if user.pk == approval.requested_by_id:
        raise errors.OwnRequest("You asked for this: somebody else must decide.")
    return user


def require_requester(approval: Approval) -> None:
    """Raises RequesterNotAllowed when the one who asked could not ask for it any more."""
    if not _may(approval.requested_by, Capability.REQUEST_APPROVAL):
        raise errors.RequesterNotAllowed(
            f"{approval.requested_by} may no longer ask for this. Reject it."
        )


def require_may(by: Actor, capability: Capability) -> User:
    """The person, as the database has them now. Raises NotAllowed."""
    user = User.objects.filter(pk=by.user_id or 0).first() if by.is_person else None
    if user is None or not _may(user, capability):
        raise errors.NotAllowed("You may not do this.")
    return user


def _may(user: User, capability: Capability) -> bool:
    return user.is_active and user.can(capability)


def explanation(text: str) -> str:
    """Raises ExplanationMissing or ExplanationTooLong."""
    if not text.strip():
        raise errors.ExplanationMissing("Say why, for whoever reads it later.")
    return fitting(text)


def fitting(text: str) -> str:
    """Raises ExplanationTooLong: what somebody wrote is never cut."""
    text = text.strip()
    if len(text) > TEXT_MAX_LENGTH:
        raise errors.ExplanationTooLong(
            f"Say it in {TEXT_MAX_LENGTH} characters at most; these are {len(text)}."
        )
    return text
