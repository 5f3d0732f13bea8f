"""The audit trail."""

from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from audit.wording import action_name
from ledgerlink.operators import NAME_MAX_LENGTH as OPERATOR_MAX_LENGTH

HASH_LENGTH = 64  # SHA-256 in hex


class AuditLog(models.Model):
    """Who did what to what, when, and in which request. Append-only (triggers).

    No foreign keys: the trail outlives its subjects, so actors and entities are kept as text.
    """

    actor_id = models.CharField(max_length=32, blank=True)  # empty: a command or nobody signed in
    actor_name = models.CharField(max_length=64)
    action = models.CharField(max_length=40)
    entity_type = models.CharField(max_length=32)
    entity_id = models.CharField(max_length=64)
    details = models.JSONField(default=dict)
    request_id = models.CharField(max_length=64, blank=True)
    trace_id = models.CharField(max_length=32, blank=True)
    ip = models.GenericIPAddressField(null=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "audit record"
        verbose_name_plural = "audit trail"
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["entity_type", "entity_id"], name="audit_by_entity"),
            models.Index(fields=["actor_id", "id"], name="audit_by_actor"),
            models.Index(fields=["action", "id"], name="audit_by_action"),
            models.Index(fields=["request_id"], name="audit_by_request"),
            models.Index(fields=["created_at"], name="audit_by_time"),
        ]

    def __str__(self) -> str:
        return f"{action_name(self.action)} by {self.actor_name}"


class Seal(models.Model):
    """What the audit trail holds up to a record, chained to the seal before. Append-only
    (triggers). How the hashes are made: `audit.fingerprints`.

    It covers every record after the last one of the seal before, up to its own `last_id`.
    """

    number = models.BigIntegerField(primary_key=True)  # 1, 2, 3… without a gap
    first_id = models.BigIntegerField()
    last_id = models.BigIntegerField()
    count = models.BigIntegerField()
    records_hash = models.CharField(max_length=HASH_LENGTH)
    previous_hash = models.CharField(max_length=HASH_LENGTH)
    hash = models.CharField(max_length=HASH_LENGTH)
    sealed_at = models.DateTimeField()
    sealed_by = models.CharField(max_length=OPERATOR_MAX_LENGTH)  # login and host

    class Meta:
        verbose_name = "audit seal"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["previous_hash"], name="seal_chain_never_forks"),
            models.UniqueConstraint(fields=["last_id"], name="seal_ends_once"),
            models.CheckConstraint(condition=Q(number__gte=1), name="seal_numbers_from_one"),
            models.CheckConstraint(
                condition=Q(count__gte=1) & Q(first_id__lte=F("last_id")),
                name="seal_holds_something",
            ),
        ]

    def __str__(self) -> str:
        return f"seal {self.number}"


class Verification(models.Model):
    """What one run of `manage.py verify_audit` found. Append-only (triggers).

    `findings` is what `verify_audit --json` lists as `broken`; `broken` counts them.
    """

    started_at = models.DateTimeField()
    duration_ms = models.BigIntegerField()
    seals = models.BigIntegerField()
    records = models.BigIntegerField()
    broken = models.BigIntegerField()
    findings = models.JSONField()
    run_by = models.CharField(max_length=OPERATOR_MAX_LENGTH)  # login and host

    class Meta:
        verbose_name = "audit verification"

    def __str__(self) -> str:
        return f"verification of {self.started_at:%Y-%m-%d %H:%M}"

    @property
    def holds(self) -> bool:
        return self.broken == 0
