"""What one member of staff asked for, and what another decided."""

from datetime import datetime
from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from uuid_utils.compat import uuid7

from balances.models import CURRENCY_MAX_LENGTH
from transactions.enums import ApprovalKind, ApprovalStatus

APPROVAL_REASON_MAX_LENGTH = 255
COMMENT_MAX_LENGTH = 255
JUDGED = (ApprovalStatus.APPROVED, ApprovalStatus.REJECTED, ApprovalStatus.FAILED)
CARRIED_OUT = (ApprovalStatus.APPROVED, ApprovalStatus.FAILED)


class ApprovalQuerySet(models.QuerySet["Approval"]):
    def with_status(self, status: str, at: datetime) -> Self:
        """Those whose status is this one at a moment."""
        over = Q(status=ApprovalStatus.REQUESTED, expires_at__lte=at)
        if status == ApprovalStatus.EXPIRED:
            return self.filter(Q(status=status) | over)
        if status == ApprovalStatus.REQUESTED:
            return self.filter(status=status, expires_at__gt=at)
        return self.filter(status=status)


class Approval(models.Model):
    """A request of one person that another one approves or rejects.

    `asked` is what `transactions.asked` made of it; with everything else that was asked it never
    changes, and a decided approval not at all (triggers). One that has expired stays `requested`
    until that is recorded: ask `status_at`.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    kind = models.CharField(max_length=10, choices=ApprovalKind)
    asked = models.JSONField()
    summary = models.CharField(max_length=255)
    user = models.ForeignKey(  # whose money it is about; None: a role's limit, a house account
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    currency = models.CharField(max_length=CURRENCY_MAX_LENGTH)
    original = models.ForeignKey(  # what is to be reversed
        "transactions.Transaction", on_delete=models.PROTECT, null=True, related_name="approvals"
    )
    reason = models.CharField(max_length=APPROVAL_REASON_MAX_LENGTH)
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+"
    )
    requested_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    status = models.CharField(max_length=10, choices=ApprovalStatus)
    decided_by = models.ForeignKey(  # None: nobody, it was withdrawn or expired
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    decided_at = models.DateTimeField(null=True)
    comment = models.CharField(max_length=COMMENT_MAX_LENGTH, blank=True)
    failure_code = models.CharField(max_length=40, blank=True)
    transaction = models.OneToOneField(
        "transactions.Transaction", on_delete=models.PROTECT, null=True, related_name="approval"
    )

    objects: ClassVar[ApprovalQuerySet] = ApprovalQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["status", "id"], name="approval_by_status"),
            models.Index(fields=["status", "expires_at"], name="approval_by_expiry"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(
                condition=Q(kind__in=ApprovalKind.values), name="approval_kind_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=ApprovalStatus.values), name="approval_status_known"
            ),
            models.CheckConstraint(
                condition=~Q(reason="") & ~Q(summary=""), name="approval_explained"
            ),
            models.CheckConstraint(
                condition=Q(kind=ApprovalKind.REVERSAL, original__isnull=False)
                | (~Q(kind=ApprovalKind.REVERSAL) & Q(original__isnull=True)),
                name="approval_reversal_names_original",
            ),
            models.CheckConstraint(
                condition=Q(expires_at__gt=F("requested_at")), name="approval_expires_later"
            ),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True) | ~Q(decided_by=F("requested_by")),
                name="approval_by_two_people",
            ),
            models.CheckConstraint(
                condition=Q(status=ApprovalStatus.REQUESTED, decided_at__isnull=True)
                | (~Q(status=ApprovalStatus.REQUESTED) & Q(decided_at__isnull=False)),
                name="approval_decided_has_time",
            ),
            models.CheckConstraint(
                condition=Q(status__in=JUDGED, decided_by__isnull=False)
                | (~Q(status__in=JUDGED) & Q(decided_by__isnull=True)),
                name="approval_judged_by_somebody",
            ),
            models.CheckConstraint(
                condition=~Q(status=ApprovalStatus.REJECTED) | ~Q(comment=""),
                name="approval_rejection_explained",
            ),
            models.CheckConstraint(
                condition=(Q(status=ApprovalStatus.FAILED) & ~Q(failure_code=""))
                | (~Q(status=ApprovalStatus.FAILED) & Q(failure_code="")),
                name="approval_failed_has_code",
            ),
            models.CheckConstraint(
                condition=Q(transaction__isnull=True) | Q(status__in=CARRIED_OUT),
                name="approval_carried_out_once_approved",
            ),
        ]

    def __str__(self) -> str:
        return self.summary

    def status_at(self, at: datetime) -> ApprovalStatus:
        """What counts at a moment, whether or not an expiry was recorded since."""
        if self.status == ApprovalStatus.REQUESTED and self.expires_at <= at:
            return ApprovalStatus.EXPIRED
        return ApprovalStatus(self.status)
