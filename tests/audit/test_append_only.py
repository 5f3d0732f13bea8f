"""The audit trail can be added to, and nothing else."""

from datetime import timedelta

import pytest
from django.forms import model_to_dict
from django.utils import timezone

from audit.fingerprints import NO_SEAL
from audit.models import AuditLog, Seal, Verification
from audit.sealing import seal_trail
from audit.verification import keep, verify_trail
from tests.refusals import constraint_names, refused_by, trigger_names

pytestmark = pytest.mark.django_db


def new_record() -> AuditLog:
    return AuditLog.objects.create(
        actor_name="alice", action="user.created", created_at=timezone.now()
    )


def test_triggers_are_all_met_here() -> None:
    assert trigger_names("audit") == {
        "audit_never_changed",
        "audit_never_deleted",
        "seal_never_changed",
        "seal_never_deleted",
        "verification_never_changed",
        "verification_never_deleted",
    }


def test_record_cannot_be_changed() -> None:
    record = new_record()
    with refused_by("audit_never_changed"):
        AuditLog.objects.filter(pk=record.pk).update(actor_name="mallory")


def test_record_cannot_be_deleted() -> None:
    record = new_record()
    with refused_by("audit_never_deleted"):
        record.delete()


def test_seal_can_be_neither_changed_nor_deleted() -> None:
    new_record()
    seal_trail(settled=timedelta(0))
    seal = Seal.objects.get()
    with refused_by("seal_never_changed"):
        Seal.objects.update(count=2)
    with refused_by("seal_never_deleted"):
        seal.delete()


def test_verification_can_be_neither_changed_nor_deleted() -> None:
    kept = keep(verify_trail(), started_at=timezone.now(), took=timedelta(0))
    with refused_by("verification_never_changed"):
        Verification.objects.update(broken=1)
    with refused_by("verification_never_deleted"):
        kept.delete()


BAD_SEALS = [
    ("seal_chain_never_forks", {"previous_hash": NO_SEAL}),
    ("seal_ends_once", {"last_id": 2}),
    ("seal_numbers_from_one", {"number": 0}),
    ("seal_holds_something", {"count": 0}),
    ("seal_holds_something", {"first_id": 10}),
]


@pytest.mark.parametrize(("name", "fields"), BAD_SEALS)
def test_seal_that_makes_no_sense_is_refused(name: str, fields: dict[str, object]) -> None:
    good = Seal(
        number=1,
        first_id=1,
        last_id=2,
        count=2,
        records_hash="a" * 64,
        previous_hash=NO_SEAL,
        hash="b" * 64,
        sealed_at=timezone.now(),
        sealed_by="tests",
    )
    good.save()
    next_one = model_to_dict(good) | {"number": 2, "last_id": 9, "previous_hash": good.hash}
    with refused_by(name):
        Seal.objects.create(**{**next_one, **fields})


def test_constraints_of_seals_are_all_met_here() -> None:
    assert {name for name, _ in BAD_SEALS} == constraint_names("audit")
