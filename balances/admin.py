"""Balances and ledger entries in the back-office: to be read."""

from collections.abc import Iterable
from typing import Any

from django.contrib import admin
from django.db.models import Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone

from balances import admin_dossier  # noqa: F401 - registers its panels
from balances.admin_statement import StatementAdmin
from balances.enums import BalanceStatus, House
from balances.models import Balance, BalanceHistory, Currency
from balances.money import money
from balances.queries import with_status
from ledgerlink.admin import (
    ChoiceFilter,
    ReadOnlyAdmin,
    badge,
    link,
    number_of,
    shown_time,
    uuid_of,
)

STATUS_COLOURS = {
    str(BalanceStatus.ACTIVE.label): "success",
    str(BalanceStatus.DEBITS_FROZEN.label): "warning",
    str(BalanceStatus.FROZEN.label): "danger",
}


class CurrencyFilter(ChoiceFilter):
    """The currencies in use."""

    title = "currency"
    parameter_name = "currency"
    field = "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        codes = Currency.objects.order_by("code").values_list("code", flat=True)
        return [(code, code) for code in codes]


class EntryCurrencyFilter(CurrencyFilter):
    field = "balance__currency"


class StatusFilter(ChoiceFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        return [(status.value, str(status.label)) for status in BalanceStatus]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Balance]) -> QuerySet[Balance]:
        value = self.value()
        return queryset if value is None else with_status(queryset, value, timezone.now())


class OwnerFilter(admin.SimpleListFilter):
    title = "owner"
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        houses = [(str(house.value), f"House: {house.label}") for house in House]
        return [("users", "Users"), *houses]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Balance]) -> QuerySet[Balance]:
        value = self.value()
        if value is None:
            return queryset
        return (
            queryset.filter(house__isnull=True)
            if value == "users"
            else queryset.filter(house=value)
        )


def owner_link(balance: Balance) -> str:
    """The owner's name, linked to the user unless it is a house account."""
    if balance.user_id is None:
        return balance.owner_name
    return link(balance.owner_name, "users_user_change", balance.user_id)


def balances_matching(term: str) -> Q:
    """Balances by their id, or by the id, name or e-mail of their owner."""
    found = Q(user__username__icontains=term) | Q(user__email__icontains=term)
    number = number_of(term)
    return found if number is None else found | Q(pk=number) | Q(user_id=number)


@admin.register(Balance)
class BalanceAdmin(StatementAdmin):
    list_display = (
        "owner",
        "amount_shown",
        "held_shown",
        "available_shown",
        "status_shown",
        "version",
        "changed",
    )
    list_filter = (CurrencyFilter, StatusFilter, OwnerFilter)
    list_select_related = ("user",)
    search_fields = ("id", "username", "email")
    search_help_text = "Balance or user id, username, e-mail"
    ordering = ("id",)
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

    def matching(self, term: str) -> Q:
        return balances_matching(term)

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
        return money(balance.available, balance.currency)

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


@admin.register(BalanceHistory)
class LedgerEntryAdmin(ReadOnlyAdmin):
    list_display = (
        "time",
        "owner",
        "delta_shown",
        "before_shown",
        "after_shown",
        "version",
        "made_by",
    )
    list_filter = (EntryCurrencyFilter, "created_at")
    list_select_related = ("balance__user",)
    search_fields = ("id", "username", "email", "transaction")
    search_help_text = "Transaction id, balance or user id, username, e-mail"
    ordering = ("-id",)
    fieldsets = (
        (None, {"fields": ("time", "owner_shown", "balance", "transaction", "version")}),
        ("Amounts", {"fields": ("before_shown", "delta_shown", "after_shown")}),
    )

    def matching(self, term: str) -> Q:
        uuid = uuid_of(term)
        if uuid is not None:
            return Q(transaction=uuid)
        return Q(balance__in=Balance.objects.filter(balances_matching(term)))

    @admin.display(description="time (UTC)", ordering="id")
    def time(self, entry: BalanceHistory) -> str:
        return shown_time(entry.created_at)

    @admin.display(description="owner")
    def owner(self, entry: BalanceHistory) -> str:
        return entry.balance.owner_name

    @admin.display(description="owner")
    def owner_shown(self, entry: BalanceHistory) -> str:
        return owner_link(entry.balance)

    @admin.display(description="change")
    def delta_shown(self, entry: BalanceHistory) -> str:
        sign = "+" if entry.delta > 0 else ""
        return sign + money(entry.delta, entry.balance.currency)

    @admin.display(description="before")
    def before_shown(self, entry: BalanceHistory) -> str:
        return money(entry.amount_before, entry.balance.currency)

    @admin.display(description="after")
    def after_shown(self, entry: BalanceHistory) -> str:
        return money(entry.amount_after, entry.balance.currency)

    @admin.display(description="transaction")
    def made_by(self, entry: BalanceHistory) -> str:
        return link(
            str(entry.transaction_id), "transactions_transaction_change", entry.transaction_id
        )


@admin.register(Currency)
class CurrencyAdmin(ReadOnlyAdmin):
    list_display = ("code", "exponent")
    ordering = ("code",)
    fieldsets = ((None, {"fields": ("code", "exponent")}),)
