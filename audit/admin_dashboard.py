"""What the audit trail adds to the back-office's first page: whether it is whole and sealed."""

from django.http import HttpRequest
from django.urls import reverse

from audit.models import AuditLog, Seal, Verification
from ledgerlink.dossier import Panel, panel
from transactions.dashboard.health import SIGN, ago, colour_of, counted, sign
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
            text="The trail was never compared with its seals. Ask your operators to do it",
        )
    page = reverse("admin:audit_verification_change", args=[run.pk])
    if run.holds and not run.seals:
        return sign(
            "verified",
            "Audit trail",
            label="Nothing sealed yet",
            colour="warning",
            page=page,
            text=f"Looked at {ago(run.started_at, overview.now)}: there was no seal to go by",
        )
    text, words = counted(run.records, "record", "records"), "as they were sealed"
    if not run.holds:
        text = counted(run.broken, "difference", "differences")
        words = "found. Tell your operators at once"
    return sign(
        "verified",
        "Audit trail",
        label="Whole" if run.holds else "Broken",
        colour=colour_of(holds=run.holds, at=run.started_at, now=overview.now),
        page=page,
        text=f"Compared with its seals {ago(run.started_at, overview.now)}",
        figure=Figure(text, page),
        words=words,
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
            text="Nothing is sealed yet. Ask your operators for the first seal",
        )
    sees = request.user.has_perm("audit.view_auditlog")
    since = AuditLog.objects.filter(pk__gt=seal.last_id)[: COUNTED + 1].count()
    text = counted(since, "record", "records")
    if since > COUNTED:
        text = f"more than {COUNTED:,} records"
    return sign(
        "sealed",
        "Seals",
        label=f"No. {seal.number:,}",
        page=reverse("admin:audit_seal_change", args=[seal.pk]),
        colour=colour_of(holds=True, at=seal.sealed_at, now=overview.now),
        text=f"The last seal was made {ago(seal.sealed_at, overview.now)}",
        figure=figure(text, "audit_auditlog_changelist", id__gt=seal.last_id) if sees else None,
        words="added since",
    )
