"""Metrics of the audit trail: whether its seals hold, and how much is not sealed yet.

Connected only while PROMETHEUS_ENABLED.
"""

from collections.abc import Iterable

from prometheus_client.core import GaugeMetricFamily, Metric

from audit.models import AuditLog, Seal, Verification
from ledgerlink.metrics.stored import stored


@stored(keep=15)
def trail() -> Iterable[Metric]:
    """All 0 while nothing was ever sealed or verified."""
    seal = Seal.objects.order_by("-number").first()
    verification = Verification.objects.order_by("-pk").first()
    yield GaugeMetricFamily(
        "ledger_audit_last_verification_timestamp_seconds",
        "When the audit trail was last verified, since the epoch.",
        value=verification.started_at.timestamp() if verification else 0.0,
    )
    yield GaugeMetricFamily(
        "ledger_audit_broken_seals",
        "What that verification found broken.",
        value=verification.broken if verification else 0,
    )
    yield GaugeMetricFamily(
        "ledger_audit_last_seal_timestamp_seconds",
        "When audit records were last sealed, since the epoch.",
        value=seal.sealed_at.timestamp() if seal else 0.0,
    )
    newest = AuditLog.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    yield GaugeMetricFamily(
        "ledger_audit_unsealed_records",
        "Records after the last seal, as their ids tell.",
        value=max(newest - (seal.last_id if seal else 0), 0),
    )
