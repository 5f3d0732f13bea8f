"""The audit trail in the back-office: to be read."""

import json
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest

from audit import admin_dashboard, admin_dossier  # noqa: F401 - they register their panels
from audit.admin_seals import SealAdmin, VerificationAdmin
from audit.models import AuditLog
from ledgerlink.admin import ChoiceFilter, ReadOnlyAdmin, link, shown_json, shown_time
from transactions.enums import TransactionStatus

__all__ = ["AuditLogAdmin", "SealAdmin", "VerificationAdmin"]

PAGES = {
    "user": "users_user_change",
    "transaction": "transactions_transaction_change",
    "balance": "balances_balance_change",
}
FOUND_BY_ID = (*PAGES, "api_key")  # a key's page is not for everyone who reads the trail
USER_ACTIONS = (
    "created",
    "updated",
    "deleted",
    "password_changed",
    "logged_in",
    "logged_out",
    "login_failed",
    "login_locked",
    "unlocked",
    "note_added",
)
TRANSACTION_ACTIONS = (*TransactionStatus.values, "captured", "expired")
BALANCE_ACTIONS = ("frozen", "unfrozen", "history_rebuilt")
KEY_ACTIONS = ("created", "rotated", "revoked")


class ActionFilter(ChoiceFilter):
    title = "action"
    parameter_name = "action"
    field = "action"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        actions = [f"transaction.{action}" for action in TRANSACTION_ACTIONS]
        actions += [f"balance.{action}" for action in BALANCE_ACTIONS]
        actions += [f"user.{action}" for action in USER_ACTIONS]
        actions += [f"api_key.{action}" for action in KEY_ACTIONS]
        actions.append("limit.changed")
        return [(action, action) for action in actions]


@admin.register(AuditLog)
class AuditLogAdmin(ReadOnlyAdmin):
    list_display = ("time", "actor", "action", "entity", "summary", "address")
    list_filter = (ActionFilter, "created_at")
    search_fields = ("actor", "entity", "request_id", "trace_id")
    search_help_text = "Actor, user or transaction id, request or trace id"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("time", "actor", "actor_id", "action", "entity")}),
        ("What", {"fields": ("details_shown",)}),
        ("Where from", {"fields": ("request_id", "trace_id", "address")}),
    )

    def matching(self, term: str) -> Q:
        entity = Q(entity_type__in=FOUND_BY_ID, entity_id=term)
        request = Q(request_id=term) | Q(trace_id=term)
        return entity | request | Q(actor_name__istartswith=term)

    @admin.display(description="time (UTC)", ordering="id")
    def time(self, record: AuditLog) -> str:
        return shown_time(record.created_at)

    @admin.display(description="actor", ordering="actor_name")
    def actor(self, record: AuditLog) -> str:
        return record.actor_name

    @admin.display(description="IP address")
    def address(self, record: AuditLog) -> str:
        return record.ip or ""

    @admin.display(description="on")
    def entity(self, record: AuditLog) -> str:
        text = f"{record.entity_type} {record.entity_id}"
        page = PAGES.get(record.entity_type)
        return link(text, page, record.entity_id) if page and record.entity_id else text

    @admin.display(description="details")
    def summary(self, record: AuditLog) -> str:
        return ", ".join(f"{name}: {_text(value)}" for name, value in record.details.items())

    @admin.display(description="details")
    def details_shown(self, record: AuditLog) -> str:
        return shown_json(record.details)


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
