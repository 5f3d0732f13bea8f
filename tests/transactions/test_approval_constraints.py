"""The database refuses each thing that an approval can't be, and any change of a decided one."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from tests.books import fund, make_user
from tests.refusals import delete_row, refused_by
from transactions.approval_model import Approval
from users.models import User
from users.roles import Role

pytestmark = pytest.mark.django_db

BAD_APPROVALS: dict[str, list[dict[str, Any]]] = {
    "approval_kind_known": [{"kind": "gift"}],
    "approval_status_known": [{"status": "maybe", "decided_at": timezone.now()}],
    "approval_explained": [{"reason": ""}, {"summary": ""}],
    "approval_reversal_names_original": [{"kind": "reversal"}],
    "approval_expires_later": [{"expires_at": timezone.now() - timedelta(days=1)}],
    "approval_by_two_people": [{"status": "approved", "decided_by": "finance"}],
    "approval_decided_has_time": [
        {"status": "approved", "decided_by": "checker", "decided_at": None},
        {"decided_at": timezone.now()},
    ],
    "approval_judged_by_somebody": [
        {"status": "approved"},
        {"status": "rejected", "comment": "no"},
        {"status": "failed", "failure_code": "balance_frozen"},
        {"status": "withdrawn", "decided_by": "checker"},
        {"status": "expired", "decided_by": "checker"},
    ],
    "approval_rejection_explained": [{"status": "rejected", "decided_by": "checker"}],
    "approval_failed_has_code": [
        {"status": "failed", "decided_by": "checker"},
        {"status": "approved", "decided_by": "checker", "failure_code": "balance_frozen"},
    ],
    "approval_carried_out_once_approved": [
        {"status": "rejected", "decided_by": "checker", "comment": "no", "transaction": True},
        {"transaction": True},
    ],
}


def test_constraints_are_all_broken_here() -> None:
    constraints = {constraint.name for constraint in Approval._meta.constraints}
    assert BAD_APPROVALS.keys() == constraints


@pytest.fixture
def people(alice: User, finance: User) -> dict[str, User]:
    return {"alice": alice, "finance": finance, "checker": make_user("checker", Role.FINANCE)}


def new_approval(people: dict[str, User], **fields: Any) -> Approval:
    """Asked by Finance, good unless `fields` spoil it."""
    now = timezone.now()
    given = dict(fields)
    if given.get("status", "requested") != "requested":
        given.setdefault("decided_at", now)
    if "decided_by" in given:
        given["decided_by"] = people[given["decided_by"]]
    if "transaction" in given:
        given["transaction"] = fund(people["alice"], "1.00")
    usual: dict[str, Any] = {
        "kind": "freeze",
        "asked": {"user_id": people["alice"].pk},
        "summary": "Freeze it",
        "user": people["alice"],
        "currency": "USD",
        "reason": "card stolen",
        "requested_by": people["finance"],
        "requested_at": now,
        "expires_at": now + timedelta(days=1),
        "status": "requested",
    }
    return Approval.objects.create(**{**usual, **given})


@pytest.mark.parametrize(
    ("name", "fields"), [(name, case) for name, cases in BAD_APPROVALS.items() for case in cases]
)
def test_approval_that_breaks_a_rule_is_refused(
    name: str, fields: dict[str, Any], people: dict[str, User]
) -> None:
    with refused_by(name):
        new_approval(people, **fields)


def test_freeze_that_names_an_original_is_refused(people: dict[str, User]) -> None:
    original = fund(people["alice"], "1.00")
    with refused_by("approval_reversal_names_original"):
        new_approval(people, original=original)


CHANGES: list[Callable[[dict[str, User]], dict[str, Any]]] = [
    lambda _: {"kind": "withdrawal"},
    lambda _: {"asked": {"user_id": 999}},
    lambda _: {"summary": "freeze it"},
    lambda _: {"reason": "Card stolen"},
    lambda _: {"currency": "usd"},
    lambda people: {"user": people["checker"]},
    lambda _: {"user": None},
    lambda people: {"requested_by": people["checker"]},
    lambda _: {"requested_at": timezone.now() - timedelta(days=3)},
    lambda _: {"expires_at": timezone.now() + timedelta(days=99)},
]


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_asked_never_changes(
    change: Callable[[dict[str, User]], dict[str, Any]], people: dict[str, User]
) -> None:
    approval = new_approval(people)
    with refused_by("approval_final"):
        Approval.objects.filter(pk=approval.pk).update(**change(people))


def test_original_never_changes(people: dict[str, User]) -> None:
    originals = [fund(people["alice"], "1.00") for _ in range(2)]
    approval = new_approval(people, kind="reversal", original=originals[0])
    with refused_by("approval_final"):
        Approval.objects.filter(pk=approval.pk).update(original=originals[1])


@pytest.mark.parametrize("status", ["approved", "rejected", "withdrawn", "expired", "failed"])
def test_decided_one_never_changes(status: str, people: dict[str, User]) -> None:
    judged = {"decided_by": "checker"} if status in {"approved", "rejected", "failed"} else {}
    code = {"failure_code": "balance_frozen"} if status == "failed" else {}
    approval = new_approval(people, status=status, comment="no", **judged, **code)
    for change in ({"comment": "yes"}, {"status": "requested", "decided_at": None}):
        with refused_by("approval_final"):
            Approval.objects.filter(pk=approval.pk).update(**change)


def test_approval_is_never_deleted(people: dict[str, User]) -> None:
    with refused_by("approval_never_deleted"):
        delete_row(new_approval(people))
