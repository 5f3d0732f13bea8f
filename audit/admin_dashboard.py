"""What the audit trail adds to the back-office's first page: whether it is whole and sealed."""

from django.http import HttpRequest
from django.urls import reverse

from audit.models import AuditLog, Seal, Verification
from ledgerlink.dossier import Panel, panel
from transactions.dashboard.health import SIGN, ago, colour_of, sign
from transactions.dashboard.overview import Figure, Overview, figure

COUNTED = 10_000  # records; of more it is only said that they are more


@panel(SIGN, 20)
def last_verification(request: HttpRequest, overview: Overview) -> Panel | None:
    if not request.user.has_perm("audit.view_verification"):
        return None
    run = Verification.objects.order_by("pk").last()
    if run is None:
        return sign(
            "verified",
            "Audit trail",
            label="Never",
            colour="warning",
            text="The trail was never compared with its seals: run manage.py verify_audit",
        )
    found = f"{run.records:,} records are as they were sealed, verified"
    if run.broken:
        found = f"{run.broken:,} things are broken, found"
    return sign(
        "verified",
        "Audit trail",
        label="Whole" if run.holds else "Broken",
        colour=colour_of(holds=run.holds, at=run.started_at, now=overview.now),
        text=f"{found} {ago(run.started_at, overview.now)}",
        figure=Figure("Details", reverse("admin:audit_verification_change", args=[run.pk])),
    )


@panel(SIGN, 30)
def last_seal(request: HttpRequest, overview: Overview) -> Panel | None:
    if not request.user.has_perm("audit.view_seal"):
        return None
    seal = Seal.objects.order_by("number").last()
    if seal is None:
        return sign(
            "sealed",
            "Seals",
            label="None",
            colour="warning",
            text="Nothing is sealed yet: run manage.py seal_audit",
        )
    sees = request.user.has_perm("audit.view_auditlog")
    since = AuditLog.objects.filter(pk__gt=seal.last_id)[: COUNTED + 1].count()
    count = f"{since:,}" if since <= COUNTED else f"more than {COUNTED:,}"
    return sign(
        "sealed",
        "Seals",
        label=f"No. {seal.number:,}",
        colour=colour_of(holds=True, at=seal.sealed_at, now=overview.now),
        text=f"The last seal was made {ago(seal.sealed_at, overview.now)}",
        figure=figure(count, "audit_auditlog_changelist", id__gt=seal.last_id) if sees else None,
        words="records since",
    )
