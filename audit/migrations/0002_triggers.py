from django.db import migrations

from ledgerlink.triggers import RefuseChange


class Migration(migrations.Migration):
    dependencies = [("audit", "0001_initial")]

    operations = [
        RefuseChange(
            "audit_never_changed",
            "audit_auditlog",
            "UPDATE",
            "the audit trail is append-only",
        ),
        RefuseChange(
            "audit_never_deleted",
            "audit_auditlog",
            "DELETE",
            "the audit trail is append-only",
        ),
    ]
