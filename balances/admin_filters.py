"""Filters by currency, status and party, for the lists of balances, ledger entries and
transactions."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q
from django.http import HttpRequest
from django.utils import timezone

from balances.entry_ways import way_to_entries
from balances.enums import BalanceStatus, House
from balances.models import Balance, BalanceHistory, Currency
from balances.queries import status_is
from ledgerlink.admin import number_of
from ledgerlink.admin_filters import Chip, ChoiceFilter, Filter, PeriodFilter, TextFilter
from ledgerlink.long_lists import Way
from users.queries import user_called

Choices = Iterable[tuple[str, str]]


def currencies_in_use() -> list[str]:
    return list(Currency.objects.order_by("code").values_list("code", flat=True))


class CurrencyFilter(ChoiceFilter):
    title = "currency"
    parameter_name = "currency"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(code, code) for code in currencies_in_use()]

    def ways(self) -> Sequence[Way]:
        return [Way(self.condition)]


class StatusFilter(ChoiceFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(status.value, str(status.label)) for status in BalanceStatus]

    def rows_of(self, value: str) -> Q:
        return status_is(value, timezone.now())

    def ways(self) -> Sequence[Way]:
        return [] if self.value == BalanceStatus.ACTIVE else [Way(Q(status=self.value))]


class OwnerFilter(ChoiceFilter):
    title = "owner"
    parameter_name = "owner"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        houses = [(str(house.value), house.owner_name) for house in House]
        return [("users", "Users"), ("houses", "All house accounts"), *houses]

    def rows_of(self, value: str) -> Q:
        match value:
            case "users":
                return Q(house__isnull=True)
            case "houses":
                return Q(house__isnull=False)
            case _:
                return Q(house=value)

    def ways(self) -> Sequence[Way]:
        return [] if self.value == "users" else [Way(self.condition)]


class PartyFilter(TextFilter):
    """A user, by username, e-mail or id, or a house account, such as “House: Fees”."""

    title = "party"
    parameters = ("party",)
    placeholder = "Username or House: Fees"

    def read(self, request: HttpRequest) -> Q:
        text = self.text
        is_house, _, house = (part.strip().lower() for part in text.partition(":"))
        if is_house == "house":
            owned = Balance.objects.filter(house=house)
            known = house in House.values
            self.name = House(house).owner_name if known else text
        else:
            user = user_called(text)
            owned = Balance.objects.filter(user=user)
            known = user is not None
            self.name = text if user is None else user.username
        if not known:
            self.problem = f"There is no user and no house account called “{text}”."
        self.balances = list(owned.values_list("pk", flat=True)) if known else []
        return self.of(self.balances)

    def of(self, balances: Sequence[int]) -> Q:
        """The rows of these balances."""
        return Q(balance__in=balances)

    def chips(self) -> Iterable[Chip]:
        return [Chip(f"Party: {self.name}", ["party"])]


class HeldFilter(Filter):
    """Balances of which something is held, for links."""

    title = "held"
    parameters = ("held__gt",)

    def read(self, request: HttpRequest) -> Q:
        if self.given["held__gt"] != "0":
            self.problem = "Only whether anything is held can be asked for."
        return Q(held__gt=0)

    def chips(self) -> Iterable[Chip]:
        return [Chip("With money held", [*self.given])]


class ChangedFilter(PeriodFilter):
    """When a balance last changed."""

    title = "change"
    field = "updated_at"
    label = "Last changed"
    parameters = ("period", "since", "until")


class EntryCurrencyFilter(CurrencyFilter):
    field = "balance__currency"


class EntryTypeFilter(ChoiceFilter):
    """By the type of the transaction that made the entry."""

    title = "type"
    parameter_name = "type"
    field = "transaction__type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        # Through the foreign key: balances know no transactions by name.
        made_by: Any = BalanceHistory._meta.get_field("transaction").related_model
        types: Choices = made_by._meta.get_field("type").choices
        return types

    def ways(self) -> Sequence[Way]:
        return [Way(self.condition)]


class EntryPartyFilter(PartyFilter):
    def ways(self) -> Sequence[Way]:
        return [way_to_entries(pk) for pk in self.balances]


class BalanceFilter(Filter):
    """The entries of one balance, for links."""

    title = "balance"
    parameters = ("balance", "balance__id__exact")

    def read(self, request: HttpRequest) -> Q:
        number = number_of(next(iter(self.given.values()))) or 0
        self.balance = Balance.objects.filter(pk=number).select_related("user").first()
        if self.balance is None:
            self.problem = "There is no such balance."
            return Q()
        return Q(balance=self.balance.pk)

    def ways(self) -> Sequence[Way]:
        return [] if self.balance is None else [way_to_entries(self.balance.pk)]

    def chips(self) -> Iterable[Chip]:
        return [Chip(f"Balance: {self.balance or '?'}", [*self.given])]


class DirectionFilter(ChoiceFilter):
    title = "direction"
    parameter_name = "direction"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [("in", "Money in"), ("out", "Money out")]

    def rows_of(self, value: str) -> Q:
        return Q(delta__gt=0) if value == "in" else Q(delta__lt=0)
