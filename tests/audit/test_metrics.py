"""The figures of the audit trail come from its last seal and its last verification."""

from datetime import timedelta

import pytest
from django.core.management import call_command
from django.utils import timezone

from audit.metrics import trail
from audit.models import Verification
from audit.sealing import seal_trail
from tests.books import fund
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


def figures() -> dict[str, float]:
    return {sample.name: sample.value for family in trail() for sample in family.samples}


def test_figures_of_the_trail_tell_of_seals_and_verifications(alice: User) -> None:
    assert set(figures().values()) == {0.0}
    fund(alice, "1.00")
    assert figures()["ledger_audit_unsealed_records"] >= 1
    seal_trail(settled=timedelta(0))
    call_command("verify_audit", verbosity=0)
    found = figures()
    assert found["ledger_audit_unsealed_records"] == 0
    assert found["ledger_audit_broken_seals"] == 0
    now = timezone.now().timestamp()
    assert now - 60 < found["ledger_audit_last_seal_timestamp_seconds"] <= now
    assert now - 60 < found["ledger_audit_last_verification_timestamp_seconds"] <= now
    Verification.objects.create(
        started_at=timezone.now(),
        duration_ms=1,
        seals=1,
        records=1,
        broken=3,
        findings=[],
        run_by="",
    )
    assert figures()["ledger_audit_broken_seals"] == 3
