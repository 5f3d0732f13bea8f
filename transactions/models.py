"""Transactions, and the idempotency keys that made them."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from uuid_utils.compat import uuid7

from balances.models import CURRENCY_MAX_LENGTH, Balance
from ledgerlink.operators import NAME_MAX_LENGTH as OPERATOR_MAX_LENGTH
from transactions.approval_model import Approval  # noqa: F401 - where Django looks for models
from transactions.enums import TransactionStatus, TransactionType
from users.roles import Role

DESCRIPTION_MAX_LENGTH = 255
REFERENCE_MAX_LENGTH = 100
IDEMPOTENCY_KEY_MAX_LENGTH = 255


class Transaction(models.Model):
    """Money that moved, was to move, or was refused, from one balance to another.

    `amount` is minor units, always positive. A transaction that is no longer pending never
    changes (triggers); undoing a completed one is a new reversal.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    type = models.CharField(max_length=10, choices=TransactionType)
    status = models.CharField(max_length=10, choices=TransactionStatus)
    source = models.ForeignKey(
        Balance, on_delete=models.PROTECT, related_name="sent", db_index=False
    )
    destination = models.ForeignKey(
        Balance, on_delete=models.PROTECT, related_name="received", db_index=False
    )
    amount = models.BigIntegerField()
    authorized_amount = models.BigIntegerField(
        null=True, blank=True, help_text="What was held while it was pending."
    )
    currency = models.CharField(max_length=CURRENCY_MAX_LENGTH)
    description = models.CharField(max_length=DESCRIPTION_MAX_LENGTH, blank=True)
    reference = models.CharField(max_length=REFERENCE_MAX_LENGTH, blank=True)
    metadata = models.JSONField(default=dict, blank=True)
    failure_code = models.CharField(max_length=40, blank=True)
    reverses = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="reversals"
    )
    requested_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    approved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+"
    )
    created_at = models.DateTimeField()
    effective_at = models.DateTimeField(help_text="Value date: when it counts as having happened.")
    completed_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar[list[models.Index]] = [
            # A user's lists are keyset scans of these two, in the order of the time-ordered key.
            models.Index(fields=["source", "id"], name="transaction_by_source"),
            models.Index(fields=["destination", "id"], name="transaction_by_destination"),
            # What was completed in an hour (`transactions.totals`).
            models.Index(fields=["completed_at"], name="transaction_by_completion"),
            # What `expire_pending` looks for.
            models.Index(fields=["status", "expires_at"], name="transaction_by_expiry"),
            # What staff look for among millions: adjustments, an amount, a reference.
            models.Index(fields=["type", "id"], name="transaction_by_type"),
            models.Index(fields=["currency", "amount"], name="transaction_by_amount"),
            models.Index(fields=["reference", "id"], name="transaction_by_reference"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=Q(amount__gt=0), name="transaction_amount_positive"),
            models.CheckConstraint(
                condition=~Q(source=F("destination")), name="transaction_two_balances"
            ),
            models.CheckConstraint(
                condition=Q(type__in=TransactionType.values), name="transaction_type_known"
            ),
            models.CheckConstraint(
                condition=Q(status__in=TransactionStatus.values), name="transaction_status_known"
            ),
            models.CheckConstraint(
                condition=Q(status=TransactionStatus.COMPLETED, completed_at__isnull=False)
                | (~Q(status=TransactionStatus.COMPLETED) & Q(completed_at__isnull=True)),
                name="transaction_completed_has_time",
            ),
            models.CheckConstraint(
                condition=(Q(status=TransactionStatus.FAILED) & ~Q(failure_code=""))
                | (~Q(status=TransactionStatus.FAILED) & Q(failure_code="")),
                name="transaction_failed_has_code",
            ),
            models.CheckConstraint(
                condition=~Q(status__in=[TransactionStatus.PENDING, TransactionStatus.CANCELLED])
                | Q(authorized_amount__isnull=False, expires_at__isnull=False),
                name="transaction_pending_is_authorized",
            ),
            models.CheckConstraint(
                condition=Q(authorized_amount__isnull=True) | Q(authorized_amount__gte=F("amount")),
                name="transaction_captures_no_more",
            ),
            models.CheckConstraint(
                condition=Q(type=TransactionType.REVERSAL, reverses__isnull=False)
                | (~Q(type=TransactionType.REVERSAL) & Q(reverses__isnull=True)),
                name="transaction_reversal_names_original",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {self.pk}"

    @property
    def balance_ids(self) -> frozenset[int]:
        """Of both balances, which a transaction never changes."""
        return frozenset((self.source_id, self.destination_id))


class TransactionLimit(models.Model):
    """How much a user, or each user of a role, may send in one currency: by one transaction and
    in one day (UTC). Minor units; None: no limit. A user's own limit stands before their role's.
    `version` grows by 1 with each change.
    """

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="+"
    )
    role = models.CharField(max_length=10, choices=Role, null=True, blank=True)  # noqa: DJ001 - NULL: a user's
    currency = models.CharField(max_length=CURRENCY_MAX_LENGTH)
    per_transaction = models.BigIntegerField(null=True, blank=True)
    per_day = models.BigIntegerField(null=True, blank=True)
    version = models.BigIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "currency"], name="limit_once_per_user"),
            models.UniqueConstraint(fields=["role", "currency"], name="limit_once_per_role"),
            models.CheckConstraint(
                condition=Q(user__isnull=True, role__isnull=False)
                | Q(user__isnull=False, role__isnull=True),
                name="limit_of_user_or_role",
            ),
            models.CheckConstraint(
                condition=(Q(per_transaction__isnull=True) | Q(per_transaction__gte=0))
                & (Q(per_day__isnull=True) | Q(per_day__gte=0)),
                name="limit_not_negative",
            ),
        ]

    def __str__(self) -> str:
        return f"limit of {self.role or self.user} in {self.currency}"


class AsciiField(models.CharField):  # type: ignore[type-arg] # django-stubs' generics are not runtime ones
    """ASCII text compared byte by byte on every engine.

    MySQL's default collation ignores case, and all its older ones ignore trailing spaces.
    """

    def db_type(self, connection: Any) -> str | None:
        plain = super().db_type(connection)
        if plain is None or connection.vendor != "mysql":
            return plain
        if connection.mysql_is_mariadb:
            return f"{plain} CHARACTER SET ascii COLLATE ascii_nopad_bin"
        return f"{plain} CHARACTER SET utf8mb4 COLLATE utf8mb4_0900_bin"


class IdempotencyKey(models.Model):
    """What a caller's key was used for, and the answer that was given.

    Apart from the transaction, which never changes, because keys are forgotten one day.
    `transaction` is None for a batch, an approval, and a refusal of which nothing else was kept.
    """

    scope = AsciiField(max_length=64)  # Actor.scope
    key = AsciiField(max_length=IDEMPOTENCY_KEY_MAX_LENGTH)
    fingerprint = AsciiField(max_length=64)  # SHA-256 of the request, hex
    transaction = models.ForeignKey(
        Transaction, on_delete=models.PROTECT, null=True, related_name="keys"
    )
    answer = models.TextField(null=True)  # noqa: DJ001 - NULL: made by a command, which keeps none
    answer_status = models.SmallIntegerField(null=True)  # HTTP status
    created_at = models.DateTimeField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["scope", "key"], name="idempotency_key_once"),
        ]

    def __str__(self) -> str:
        return f"{self.scope} {self.key}"


class Reconciliation(models.Model):
    """What one run of `manage.py reconcile` found. Append-only (triggers).

    `proofs` is what `reconcile --json` lists as `invariants`; `breaches` counts those of all.
    """

    started_at = models.DateTimeField()
    duration_ms = models.BigIntegerField()
    breaches = models.BigIntegerField()
    proofs = models.JSONField()
    run_by = models.CharField(max_length=OPERATOR_MAX_LENGTH)  # login and host

    def __str__(self) -> str:
        return f"reconciliation of {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def holds(self) -> bool:
        return self.breaches == 0


class HourlyTotal(models.Model):
    """How many transactions were completed, or refused, in one hour, and their amounts together.

    Made from the transactions by `transactions.totals` once the hour is settled, for reports; it
    can be made anew at any time.
    """

    hour = models.DateTimeField()  # its beginning; of completion, or of a refusal
    status = models.CharField(max_length=10, choices=TransactionStatus)
    currency = models.CharField(max_length=CURRENCY_MAX_LENGTH)
    type = models.CharField(max_length=10, choices=TransactionType)
    failure_code = models.CharField(max_length=40, blank=True)
    count = models.BigIntegerField()
    billions = models.BigIntegerField()  # of minor units: 64 bits might not hold the whole sum
    rest = models.BigIntegerField()

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["hour", "status", "currency", "type", "failure_code"],
                name="hourly_total_once",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.count} {self.status} in {self.hour:%Y-%m-%d %H}"
