"""Transactions in the back-office: to be read."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern

from balances.admin import CurrencyFilter
from balances.models import Balance
from balances.money import money
from ledgerlink.admin import ReadOnlyAdmin, badge, link, shown_time, uuid_of
from ledgerlink.dossier import DeedsAdmin, DossierAdmin
from transactions import admin_customer  # noqa: F401 - registers its panels
from transactions.admin_approvals import ApprovalAdmin
from transactions.admin_colours import STATUS_COLOURS
from transactions.admin_dossier import RELATED, transaction_dossier
from transactions.admin_reconciliations import ReconciliationAdmin
from transactions.admin_views import action_urls
from transactions.dashboard import (  # noqa: F401 - they register their panels
    activity,
    health,
    holdings,
    waiting,
)
from transactions.models import IdempotencyKey, Transaction, TransactionLimit

__all__ = [
    "ApprovalAdmin",
    "IdempotencyKeyAdmin",
    "ReconciliationAdmin",
    "TransactionAdmin",
    "TransactionLimitAdmin",
]


@admin.register(Transaction)
class TransactionAdmin(DossierAdmin, ReadOnlyAdmin):
    list_display = (
        "time",
        "kind",
        "status_shown",
        "amount_shown",
        "paid_from",
        "paid_to",
        "reference",
    )
    list_filter = ("type", "status", CurrencyFilter, "created_at")
    list_select_related = ("source__user", "destination__user")
    search_fields = ("id", "reference", "username")
    search_help_text = "Transaction id, reference, username"
    ordering = ("-id",)
    dossier_template = "admin/dossier/transaction.html"
    dossier_related = RELATED

    def matching(self, term: str) -> Q:
        uuid = uuid_of(term)
        if uuid is not None:
            return Q(pk=uuid)
        balances = Balance.objects.filter(user__username__icontains=term)
        return Q(reference__icontains=term) | Q(source__in=balances) | Q(destination__in=balances)

    @admin.display(description="time (UTC)", ordering="id")
    def time(self, transaction: Transaction) -> str:
        return shown_time(transaction.created_at)

    @admin.display(description="type", ordering="type")
    def kind(self, transaction: Transaction) -> str:
        return transaction.get_type_display()

    @badge("status", {str(status.label): colour for status, colour in STATUS_COLOURS.items()})
    def status_shown(self, transaction: Transaction) -> str:
        return transaction.get_status_display()

    @admin.display(description="amount", ordering="amount")
    def amount_shown(self, transaction: Transaction) -> str:
        return money(transaction.amount, transaction.currency)

    @admin.display(description="from")
    def paid_from(self, transaction: Transaction) -> str:
        return transaction.source.owner_name

    @admin.display(description="to")
    def paid_to(self, transaction: Transaction) -> str:
        return transaction.destination.owner_name

    def dossier(self, request: HttpRequest, subject: Transaction) -> dict[str, Any]:
        return transaction_dossier(request, subject)

    def get_urls(self) -> list[URLPattern]:
        return [*action_urls(self), *super().get_urls()]

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return self.dossier_view(request, object_id)


@admin.register(IdempotencyKey)
class IdempotencyKeyAdmin(ReadOnlyAdmin):
    """Whoever may see the transactions may see the keys that made them."""

    list_display = ("time", "scope", "key", "made", "answer_status")
    list_filter = ("created_at",)
    search_fields = ("key", "transaction")
    search_help_text = "Transaction id, or the beginning of a key"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("time", "scope", "key", "fingerprint", "made")}),
        ("What was answered", {"fields": ("answer_status", "answer")}),
    )

    def has_view_permission(self, request: HttpRequest, obj: IdempotencyKey | None = None) -> bool:
        return request.user.has_perm("transactions.view_transaction")

    def matching(self, term: str) -> Q:
        uuid = uuid_of(term)
        found = Q(key__startswith=term)
        return found if uuid is None else found | Q(transaction=uuid)

    @admin.display(description="time (UTC)", ordering="id")
    def time(self, key: IdempotencyKey) -> str:
        return shown_time(key.created_at)

    @admin.display(description="transaction")
    def made(self, key: IdempotencyKey) -> str:
        if key.transaction_id is None:
            return "A batch, or an approval"
        page = "transactions_transaction_change"
        return link(str(key.transaction_id), page, key.transaction_id)


@admin.register(TransactionLimit)
class TransactionLimitAdmin(DeedsAdmin, ReadOnlyAdmin):
    """Set with `manage.py set_limit`, or asked for here and approved by somebody else."""

    deeds_entity = "limit"

    list_display = ("whose", "currency", "per_transaction_shown", "per_day_shown", "updated_at")
    list_filter = ("role", "currency")
    list_select_related = ("user",)
    search_fields = ("username",)
    search_help_text = "Username"
    ordering = ("-id",)
    fields = ("whose", "currency", "per_transaction_shown", "per_day_shown", "updated_at")

    def matching(self, term: str) -> Q:
        return Q(user__username__icontains=term)

    @admin.display(description="of")
    def whose(self, limit: TransactionLimit) -> str:
        return str(limit.user) if limit.user is not None else f"every {limit.role}"

    @admin.display(description="one transaction")
    def per_transaction_shown(self, limit: TransactionLimit) -> str:
        return _limit(limit.per_transaction, limit.currency)

    @admin.display(description="one day (UTC)")
    def per_day_shown(self, limit: TransactionLimit) -> str:
        return _limit(limit.per_day, limit.currency)


def _limit(minor: int | None, currency: str) -> str:
    return "No limit" if minor is None else money(minor, currency)
