"""Balances in the back-office: to be read."""

from datetime import datetime
from functools import reduce
from operator import or_

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from balances import admin_dossier  # noqa: F401 - registers its panels
from balances.admin_amounts import AmountFilter
from balances.admin_columns import BALANCE_COLUMNS
from balances.admin_entries import LedgerEntryAdmin
from balances.admin_filters import (
    ChangedFilter,
    CurrencyFilter,
    HeldFilter,
    OwnerFilter,
    StatusFilter,
)
from balances.admin_owner import owner_link
from balances.admin_statement import StatementAdmin
from balances.enums import BalanceStatus
from balances.freezes import FROZEN
from balances.models import Balance, Currency
from balances.money import money
from balances.queries import release_expired, take_off_expired
from ledgerlink.admin import ReadOnlyAdmin, badge, link, number_of, shown_time
from ledgerlink.admin_lists import Search
from ledgerlink.long_lists import Way
from ledgerlink.pagination import KeyRange
from users.queries import some_users_like

__all__ = ["BalanceAdmin", "LedgerEntryAdmin"]

MAX_OWNERS = 500  # of the balances that a search finds
STATUS_COLOURS = {
    str(BalanceStatus.ACTIVE.label): "success",
    str(BalanceStatus.DEBITS_FROZEN.label): "warning",
    str(BalanceStatus.FROZEN.label): "danger",
}


@admin.register(Balance)
class BalanceAdmin(StatementAdmin):
    list_display = (
        "owner",
        "amount_shown",
        "held_shown",
        "available_shown",
        "status_shown",
        "changed",
    )
    list_filter = (
        CurrencyFilter,
        StatusFilter,
        OwnerFilter,
        AmountFilter,
        ChangedFilter,
        HeldFilter,
    )
    list_select_related = ("user",)
    search_fields = ("id", "username", "email")
    search_help_text = "Beginning of a username or e-mail; user or balance id"
    export_columns = BALANCE_COLUMNS
    export_related = ("user",)
    nothing = "The first deposit opens the first balance."
    fieldsets = (
        (None, {"fields": ("owner_shown", "currency", "entries_shown")}),
        ("Status", {"fields": ("status_shown", "frozen_until_shown", "freeze_reason")}),
        (
            "Amounts",
            {
                "fields": (
                    "amount_shown",
                    "held_shown",
                    "overdraft_shown",
                    "forced_shown",
                    "available_shown",
                )
            },
        ),
        ("History", {"fields": ("version", "entry_count", "opened", "changed")}),
    )

    def keys_between(self, start: datetime | None, end: datetime | None) -> KeyRange:
        """Of a period of changes: what was opened long before it may have changed in it."""
        return super().keys_between(None, end)

    def search(self, term: str) -> Search:
        people, note = some_users_like(term, MAX_OWNERS)
        ways = [Way(Q(user__in=people))]
        number = number_of(term)
        if number is not None:
            ways += [Way(Q(pk=number)), Way(Q(user=number))]
        return Search(reduce(or_, (way.condition for way in ways)), ways, note)

    def complete(self, rows: list[Balance]) -> None:
        take_off_expired(rows)

    def get_object(
        self, request: HttpRequest, object_id: str, from_field: str | None = None
    ) -> Balance | None:
        """As it is once nothing that has expired is held."""
        balance = super().get_object(request, object_id, from_field)
        if balance is not None and balance.user_id and balance.held:
            release_expired(balance.user_id)
            balance.refresh_from_db()
        return balance

    @admin.display(ordering="user__username")
    def owner(self, balance: Balance) -> str:
        return balance.owner_name

    @admin.display(description="owner")
    def owner_shown(self, balance: Balance) -> str:
        return owner_link(balance)

    @admin.display(description="posted", ordering="amount")
    def amount_shown(self, balance: Balance) -> str:
        return money(balance.amount, balance.currency)

    @admin.display(description="held", ordering="held")
    def held_shown(self, balance: Balance) -> str:
        return money(balance.held, balance.currency)

    @admin.display(description="available")
    def available_shown(self, balance: Balance) -> str:
        shown = money(balance.available, balance.currency)
        is_blocked = balance.available > 0 and balance.status_at(timezone.now()) in FROZEN
        return f"{shown} (frozen)" if is_blocked else shown

    @admin.display(description="overdraft limit")
    def overdraft_shown(self, balance: Balance) -> str:
        return money(balance.overdraft_limit, balance.currency)

    @admin.display(description="forced overdraft")
    def forced_shown(self, balance: Balance) -> str:
        return money(balance.forced_overdraft, balance.currency)

    @badge("status", STATUS_COLOURS)
    def status_shown(self, balance: Balance) -> str:
        return str(balance.status_at(timezone.now()).label)

    @admin.display(description="frozen until (UTC)")
    def frozen_until_shown(self, balance: Balance) -> str:
        return shown_time(balance.frozen_until)

    @admin.display(description="opened (UTC)")
    def opened(self, balance: Balance) -> str:
        return shown_time(balance.created_at)

    @admin.display(description="changed (UTC)", ordering="updated_at")
    def changed(self, balance: Balance) -> str:
        return shown_time(balance.updated_at)

    @admin.display(description="ledger entries")
    def entries_shown(self, balance: Balance) -> str:
        count = balance.entry_count
        text = f"{count} ledger {'entry' if count == 1 else 'entries'}"
        return link(text, "balances_balancehistory_changelist", balance=balance.pk)


@admin.register(Currency)
class CurrencyAdmin(ReadOnlyAdmin):
    list_display = ("code", "exponent")
    ordering = ("code",)
    fieldsets = ((None, {"fields": ("code", "exponent")}),)
