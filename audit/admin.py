"""The audit trail in the back-office: to be read."""

from functools import reduce
from operator import or_

from django.contrib import admin
from django.db.models import Q

from audit import admin_dashboard, admin_dossier  # noqa: F401 - they register their panels
from audit.admin_filters import ActionFilter, ActorFilter, AfterFilter, EntityFilter
from audit.admin_seals import SealAdmin, VerificationAdmin
from audit.models import AuditLog
from audit.wording import action_name, entity_name, in_words
from ledgerlink.admin import ReadOnlyAdmin, link, shown_json, shown_time
from ledgerlink.admin_export import Column
from ledgerlink.admin_filters import PeriodFilter
from ledgerlink.admin_lists import Search
from ledgerlink.long_lists import Way
from ledgerlink.rows import dump_json
from users.queries import some_users_like

__all__ = ["AuditLogAdmin", "SealAdmin", "VerificationAdmin"]

PAGES = {
    "user": "users_user_change",
    "transaction": "transactions_transaction_change",
    "balance": "balances_balance_change",
    "approval": "transactions_approval_change",
}
FOUND_BY_ID = (*PAGES, "api_key")  # a key's page is not for everyone who reads the trail


COLUMNS = (
    Column("Record id", lambda record: record.pk),
    Column("Time (UTC)", lambda record: record.created_at),
    Column("Actor id", lambda record: record.actor_id),
    Column("Actor", lambda record: record.actor_name),
    Column("Action", lambda record: action_name(record.action)),
    Column("About", lambda record: record.entity_type),
    Column("Id", lambda record: record.entity_id),
    Column("Details", lambda record: dump_json(record.details)),
    Column("Request id", lambda record: record.request_id),
    Column("Trace id", lambda record: record.trace_id),
    Column("IP address", lambda record: record.ip),
)


@admin.register(AuditLog)
class AuditLogAdmin(ReadOnlyAdmin):
    list_display = ("time", "actor", "action_shown", "entity", "summary", "address")
    list_filter = (PeriodFilter, ActionFilter, ActorFilter, EntityFilter, AfterFilter)
    search_fields = ("actor", "entity", "request_id", "trace_id")
    search_help_text = "Username, id of a user or transaction, request or trace id"
    export_columns = COLUMNS
    nothing = "Whatever is done from now on is kept here."
    fieldsets = (
        (None, {"fields": ("time", "actor", "actor_id", "action_shown", "entity")}),
        ("What", {"fields": ("summary", "details_shown")}),
        ("Where from", {"fields": ("request_id", "trace_id", "address")}),
    )

    def search(self, term: str) -> Search:
        about = [Q(entity_type=kind, entity_id=term) for kind in FOUND_BY_ID]
        ways = [Way(condition, "pk") for condition in (*about, Q(request_id=term))]
        people, note = some_users_like(term)
        ways += [Way(Q(actor_id=str(person)), "pk") for person in people]
        found = reduce(or_, (way.condition for way in ways))
        if any(AuditLog.objects.filter(way.condition).exists() for way in ways):
            return Search(found, ways, note)
        return Search(Q(trace_id=term) | Q(actor_id="", actor_name=term))

    @admin.display(description="time (UTC)", ordering="id")
    def time(self, record: AuditLog) -> str:
        return shown_time(record.created_at)

    @admin.display(description="action", ordering="action")
    def action_shown(self, record: AuditLog) -> str:
        return action_name(record.action)

    @admin.display(description="actor", ordering="actor_name")
    def actor(self, record: AuditLog) -> str:
        return record.actor_name

    @admin.display(description="IP address")
    def address(self, record: AuditLog) -> str:
        return record.ip or ""

    @admin.display(description="on")
    def entity(self, record: AuditLog) -> str:
        text = entity_name(record.entity_type, record.entity_id)
        page = PAGES.get(record.entity_type)
        return link(text, page, record.entity_id) if page and record.entity_id else text

    @admin.display(description="details")
    def summary(self, record: AuditLog) -> str:
        return in_words(record.details)

    @admin.display(description="as recorded")
    def details_shown(self, record: AuditLog) -> str:
        return shown_json(record.details)
