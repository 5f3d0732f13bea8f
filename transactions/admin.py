"""Transactions in the back-office: to be read."""

from datetime import datetime
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.urls import URLPattern

from balances.admin_amounts import IndexedAmountFilter
from balances.admin_filters import CurrencyFilter
from balances.models import Balance
from balances.money import money
from ledgerlink.admin import ReadOnlyAdmin, badge, shown_time, uuid_of
from ledgerlink.admin_filters import PeriodFilter
from ledgerlink.admin_lists import Search
from ledgerlink.dossier import DossierAdmin
from ledgerlink.long_lists import Way
from ledgerlink.pagination import KeyRange
from ledgerlink.texts import begins_with
from transactions import admin_customer  # noqa: F401 - registers its panels
from transactions.admin_approvals import ApprovalAdmin
from transactions.admin_colours import STATUS_COLOURS
from transactions.admin_columns import TRANSACTION_COLUMNS
from transactions.admin_dossier import RELATED, transaction_dossier
from transactions.admin_filters import (
    CompletionFilter,
    ExpiryFilter,
    ReasonFilter,
    StatusFilter,
    TransactionPartyFilter,
    TypeFilter,
    ways_between,
)
from transactions.admin_keys import IdempotencyKeyAdmin
from transactions.admin_limits import TransactionLimitAdmin
from transactions.admin_reconciliations import ReconciliationAdmin
from transactions.admin_views import action_urls
from transactions.dashboard import (  # noqa: F401 - they register their panels
    activity,
    health,
    holdings,
    waiting,
)
from transactions.models import Transaction
from transactions.queries import keys_between
from users.queries import some_users_like

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
    list_filter = (
        PeriodFilter,
        TypeFilter,
        StatusFilter,
        CurrencyFilter,
        IndexedAmountFilter,
        TransactionPartyFilter,
        ReasonFilter,
        CompletionFilter,
        ExpiryFilter,
    )
    list_select_related = ("source__user", "destination__user")
    search_fields = ("id", "reference", "username", "email")
    search_help_text = "Transaction id, reference, username, e-mail"
    export_columns = TRANSACTION_COLUMNS
    export_related = ("source__user", "destination__user", "requested_by", "approved_by")
    nothing = "Deposits, transfers and withdrawals appear here as soon as they are asked for."
    dossier_template = "admin/dossier/transaction.html"
    dossier_related = RELATED

    def search(self, term: str) -> Search:
        uuid = uuid_of(term)
        if uuid is not None:
            return Search(Q(pk=uuid), [Way(Q(pk=uuid))])
        reference = begins_with("reference", term, term.lower(), term.upper())
        people, note = some_users_like(term)
        owned = Balance.objects.filter(user__in=people)
        balances = list(owned.values_list("pk", flat=True))
        found = reference | Q(source__in=balances) | Q(destination__in=balances)
        return Search(found, [Way(reference), *ways_between(balances)], note)

    def keys_between(self, start: datetime | None, end: datetime | None) -> KeyRange:
        return keys_between({"from": start, "to": end})

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
