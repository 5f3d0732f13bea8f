"""Ledger entries in the back-office: to be read."""

from django.contrib import admin
from django.db.models import Q
from django.utils.html import format_html

from balances.admin_amounts import EntryAmountFilter
from balances.admin_columns import ENTRY_COLUMNS
from balances.admin_filters import (
    BalanceFilter,
    DirectionFilter,
    EntryCurrencyFilter,
    EntryPartyFilter,
    EntryTypeFilter,
)
from balances.admin_owner import owner_link
from balances.entry_ways import way_to_entries
from balances.models import Balance, BalanceHistory
from balances.money import money
from ledgerlink.admin import ReadOnlyAdmin, link, number_of, shown_time, uuid_of
from ledgerlink.admin_filters import PeriodFilter, TransactionFilter
from ledgerlink.admin_lists import Search
from ledgerlink.long_lists import Way
from ledgerlink.texts import begins_with
from users.queries import some_users_like


@admin.register(BalanceHistory)
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = (
        "time",
        "owner",
        "delta_shown",
        "before_shown",
        "after_shown",
        "made_by",
    )
    list_filter = (
        PeriodFilter,
        EntryTypeFilter,
        DirectionFilter,
        EntryCurrencyFilter,
        EntryAmountFilter,
        EntryPartyFilter,
        BalanceFilter,
        TransactionFilter,
    )
    list_select_related = ("balance__user", "transaction")
    search_fields = ("id", "username", "email", "transaction", "reference")
    search_help_text = "Reference, transaction id, username, e-mail, user or balance id"
    export_columns = ENTRY_COLUMNS
    export_related = ("balance__user", "transaction")
    nothing = "Each completed transaction makes two entries."
    fieldsets = (
        (None, {"fields": ("time", "owner_shown", "balance", "transaction", "version")}),
        ("Amounts", {"fields": ("before_shown", "delta_shown", "after_shown")}),
    )

    def search(self, term: str) -> Search:
        uuid = uuid_of(term)
        if uuid is not None:
            return Search(Q(transaction=uuid), [Way(Q(transaction=uuid))])
        people, note = some_users_like(term)
        theirs = Q(user__in=people)
        number = number_of(term)
        if number is not None:
            theirs |= Q(pk=number) | Q(user=number)
        balances = list(Balance.objects.filter(theirs).values_list("pk", flat=True))
        reference = begins_with("transaction__reference", term, term.lower(), term.upper())
        ways = [Way(reference), *(way_to_entries(pk) for pk in balances)]
        return Search(reference | Q(balance__in=balances), ways, note)

    @admin.display(description="time (UTC)", ordering="id")
    def time(self, entry: BalanceHistory) -> str:
        return shown_time(entry.created_at)

    @admin.display(description="owner")
    def owner(self, entry: BalanceHistory) -> str:
        return entry.balance.owner_name

    @admin.display(description="owner")
    def owner_shown(self, entry: BalanceHistory) -> str:
        return owner_link(entry.balance)

    @admin.display(description="change", ordering="delta")
    def delta_shown(self, entry: BalanceHistory) -> str:
        side, sign = ("in", "+") if entry.delta > 0 else ("out", "")
        text = sign + money(entry.delta, entry.balance.currency)
        return format_html('<span class="ledger-{}">{}</span>', side, text)

    @admin.display(description="before")
    def before_shown(self, entry: BalanceHistory) -> str:
        return money(entry.amount_before, entry.balance.currency)

    @admin.display(description="after")
    def after_shown(self, entry: BalanceHistory) -> str:
        return money(entry.amount_after, entry.balance.currency)

    @admin.display(description="transaction")
    def made_by(self, entry: BalanceHistory) -> str:
        made = entry.transaction
        text = " ".join(filter(None, (made.get_type_display(), made.reference)))
        return link(text, "transactions_transaction_change", entry.transaction_id)
