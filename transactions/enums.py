"""The words of a transaction."""

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
