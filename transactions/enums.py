"""The words of a transaction."""

from enum import StrEnum

from django.db.models import TextChoices


class TransactionType(TextChoices):
    TRANSFER = "transfer"
    DEPOSIT = "deposit"
    WITHDRAWAL = "withdrawal"
    ADJUSTMENT = "adjustment"
    REVERSAL = "reversal"


class TransactionStatus(TextChoices):
    PENDING = "pending"  # the amount is held, nothing has moved
    COMPLETED = "completed"
    FAILED = "failed"  # refused; kept with its failure code
    CANCELLED = "cancelled"  # a pending one that was let go


class FailureReason(StrEnum):
    """Why the database did not take a batch."""

    CONNECTION = "connection"  # lost, or never had
    LOCK = "lock"  # held by somebody else for too long
    COLLISION = "collision"  # a deadlock, a version, a key: two writers met
    ERROR = "error"


class ApprovalKind(TextChoices):
    """What one person asks for and another one approves."""

    ADJUSTMENT = "adjustment"
    REVERSAL = "reversal"
    FREEZE = "freeze"  # or unfreeze
    LIMIT = "limit"
    WITHDRAWAL = "withdrawal"
    TRANSFER = "transfer"


class ApprovalStatus(TextChoices):
    REQUESTED = "requested"
    APPROVED = "approved"  # and carried out
    REJECTED = "rejected"
    WITHDRAWN = "withdrawn"  # by the one who asked
    EXPIRED = "expired"  # nobody decided in time
    FAILED = "failed"  # approved, but refused by the posting engine
