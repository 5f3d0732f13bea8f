"""The audit trail can be added to, and nothing else."""

import pytest
from django.utils import timezone

from audit.models import AuditLog
from tests.refusals import refused_by, trigger_names

pytestmark = pytest.mark.django_db


def new_record() -> AuditLog:
    return AuditLog.objects.create(
        actor_name="alice", action="user.created", created_at=timezone.now()
    )


def test_triggers_are_all_met_here() -> None:
    assert trigger_names("audit") == {"audit_never_changed", "audit_never_deleted"}


def test_record_cannot_be_changed() -> None:
    record = new_record()
    with refused_by("audit_never_changed"):
        AuditLog.objects.filter(pk=record.pk).update(actor_name="mallory")


def test_record_cannot_be_deleted() -> None:
    record = new_record()
    with refused_by("audit_never_deleted"):
        record.delete()
