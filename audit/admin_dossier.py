"""What the audit trail adds to the dossiers of others."""

from collections.abc import Sequence

from django.db.models import Model
from django.http import HttpRequest
from django.urls import reverse

from audit.models import AuditLog
from audit.wording import action_name
from ledgerlink.dossier import Panel, panel, reads_trail

NEWEST = 8


@reads_trail
def records_of(entity: str, entity_id: str, limit: int) -> Sequence[AuditLog]:
    of_entity = AuditLog.objects.filter(entity_type=entity, entity_id=entity_id)
    return list(of_entity.order_by("pk")[:limit])


@panel("user", 90)
def user_records(request: HttpRequest, user: Model) -> Panel:
    return _newest("user", user)


@panel("transaction", 90)
def transaction_records(request: HttpRequest, transaction: Model) -> Panel:
    return _newest("transaction", transaction)


@panel("approval", 90)
def approval_records(request: HttpRequest, approval: Model) -> Panel:
    return _newest("approval", approval)


def _newest(entity: str, subject: Model) -> Panel:
    about = {"entity_type": entity, "entity_id": str(subject.pk)}
    newest = AuditLog.objects.filter(**about).order_by("-pk")[:NEWEST]
    shown = {
        "records": [(record, action_name(record.action)) for record in newest],
        "all": reverse("admin:audit_auditlog_changelist", query=about),
    }
    return Panel("audit", "Audit trail", "admin/dossier/records.html", shown, aside=True)
