"""Approvals as the API shows them, and the answers to those who decide."""

import json
from datetime import datetime
from typing import Any

from django.utils import timezone

from balances.money import format_amount
from ledgerlink import problems
from ledgerlink.timestamps import rfc3339
from transactions.approval_model import Approval
from transactions.approvals import Decision
from transactions.instructions import Answer
from transactions.representation import CREATED, OK, represent_party

PEOPLE = ("user", "requested_by", "decided_by")  # to be fetched for a page of approvals
_AMOUNTS = {"amount", "per_transaction", "per_day"}


def represent_approval(approval: Approval) -> dict[str, Any]:
    """With what was asked as it can be sent, its amounts in `currency`."""
    a = approval
    asked = {
        name: format_amount(value, a.currency) if name in _AMOUNTS and value is not None else value
        for name, value in a.asked.items()
    }
    return {
        "id": str(a.pk),
        "kind": str(a.kind),
        "status": str(a.status_at(timezone.now())),
        "summary": a.summary,
        "asked": asked,
        "currency": a.currency,
        "user": represent_party(a.user),
        "reason": a.reason,
        "requested_by": represent_party(a.requested_by),
        "requested_at": rfc3339(a.requested_at),
        "expires_at": rfc3339(a.expires_at),
        "decided_by": represent_party(a.decided_by),
        "decided_at": _time(a.decided_at),
        "comment": a.comment,
        "failure_code": a.failure_code or None,
        "transaction_id": str(a.transaction_id) if a.transaction_id else None,
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)


def answer_of_approval(approval: Approval, *, is_new: bool = False) -> Answer:
    body = json.dumps(represent_approval(approval), separators=problems.COMPACT)
    return Answer(CREATED if is_new else OK, body)


def answer_of_decision(decision: Decision) -> Answer:
    """The approval, or why it could not be carried out."""
    if decision.refusal is None:
        return answer_of_approval(decision.approval)
    about = {"approval_id": str(decision.approval.pk)}
    if decision.approval.transaction_id is not None:
        about["transaction_id"] = str(decision.approval.transaction_id)
    problem = problems.of_ledger_error(decision.refusal, **about)
    return Answer(decision.refusal.status, json.dumps(problem, separators=problems.COMPACT))
