"""Reading approvals."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from transactions.approval_model import Approval


def matching_approvals(filters: Mapping[str, Any]) -> QuerySet[Approval]:
    """`filters` is a validated `ApprovalQuery`."""
    found = Approval.objects.all()
    if "status" in filters:
        found = found.with_status(filters["status"], timezone.now())
    names = {"kind": "kind", "requested_by": "requested_by_id", "user_id": "user_id"}
    given = {column: filters[name] for name, column in names.items() if name in filters}
    return found.filter(**given)
