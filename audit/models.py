"""The audit trail."""

from typing import ClassVar

from django.db import models


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
        return f"{self.actor_name} {self.action} {self.entity_type} {self.entity_id}"
