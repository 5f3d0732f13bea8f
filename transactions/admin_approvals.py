"""Requests for a second person's approval in the back-office: to be read."""

from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from ledgerlink.admin import ChoiceFilter, ReadOnlyAdmin, badge, link, shown_time, uuid_of
from transactions.approval_model import Approval
from transactions.enums import ApprovalStatus

STATUS_COLOURS = {
    str(ApprovalStatus.REQUESTED.label): "info",
    str(ApprovalStatus.APPROVED.label): "success",
    str(ApprovalStatus.REJECTED.label): "danger",
    str(ApprovalStatus.WITHDRAWN.label): "warning",
    str(ApprovalStatus.EXPIRED.label): "warning",
    str(ApprovalStatus.FAILED.label): "danger",
}


class StatusFilter(ChoiceFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(status.value, str(status.label)) for status in ApprovalStatus]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        if value is None:
            return queryset
        return queryset.filter(pk__in=Approval.objects.with_status(value, timezone.now()))


@admin.register(Approval)
class ApprovalAdmin(ReadOnlyAdmin):
    list_display = ("time", "summary", "status_shown", "requested_by", "decided_by", "expires")
    list_filter = (StatusFilter, "kind", "requested_at")
    list_select_related = ("requested_by", "decided_by")
    search_fields = ("id", "username")
    search_help_text = "Request or transaction id, username"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("id", "kind", "summary", "reason", "subject", "original_shown")}),
        ("Asked", {"fields": ("requested_by", "time", "expires")}),
        (
            "Decided",
            {
                "fields": (
                    "status_shown",
                    "decided_by",
                    "decided",
                    "comment",
                    "failure_code",
                    "made",
                )
            },
        ),
    )

    def matching(self, term: str) -> Q:
        uuid = uuid_of(term)
        if uuid is not None:
            return Q(pk=uuid) | Q(original=uuid) | Q(transaction=uuid)
        return Q(user__username__icontains=term) | Q(requested_by__username__icontains=term)

    @admin.display(description="time (UTC)", ordering="id")
    def time(self, approval: Approval) -> str:
        return shown_time(approval.requested_at)

    @badge("status", STATUS_COLOURS)
    def status_shown(self, approval: Approval) -> str:
        return str(approval.status_at(timezone.now()).label)

    @admin.display(description="expires (UTC)", ordering="expires_at")
    def expires(self, approval: Approval) -> str:
        return shown_time(approval.expires_at)

    @admin.display(description="decided (UTC)")
    def decided(self, approval: Approval) -> str:
        return shown_time(approval.decided_at)

    @admin.display(description="about")
    def subject(self, approval: Approval) -> str:
        if approval.user is None:
            return ""
        return link(approval.user.username, "users_user_change", approval.user_id)

    @admin.display(description="to be reversed")
    def original_shown(self, approval: Approval) -> str:
        return _transaction(approval.original_id)

    @admin.display(description="transaction")
    def made(self, approval: Approval) -> str:
        return _transaction(approval.transaction_id)


def _transaction(pk: object) -> str:
    return link(str(pk), "transactions_transaction_change", pk) if pk else ""
