"""Filters by amount, for the lists of balances, ledger entries and transactions."""

from collections.abc import Iterable, Sequence
from typing import ClassVar

from django.db.models import Q
from django.http import HttpRequest

from balances.admin_filters import currencies_in_use
from balances.money import AmountNotPositive, InvalidAmount, TooManyDecimals
from balances.typed_amounts import OtherCurrency, read_typed_amount
from ledgerlink.admin_filters import Chip, Filter
from ledgerlink.errors import LedgerError
from ledgerlink.long_lists import Way

Bounds = dict[str, int]  # minor units, by lookup


class AmountFilter(Filter):
    """From one amount to another, as people type them, in the chosen currency or in every one that
    has such amounts."""

    title = "amount"
    template = "admin/list/amounts.html"
    parameters = ("amount_from", "amount_to")
    lookup_of: ClassVar[dict[str, str]] = {"amount_from": "gte", "amount_to": "lte"}

    def read(self, request: HttpRequest) -> Q:
        chosen = request.GET.get("currency", "")
        self.bounds: dict[str, Bounds] = {}
        reason: InvalidAmount | None = None
        for currency in [chosen] if chosen else currencies_in_use():
            try:
                self.bounds[currency] = {
                    self.lookup_of[name]: _minor(text, currency)
                    for name, text in self.given.items()
                }
            except (TooManyDecimals, OtherCurrency) as error:
                reason = error
            except LedgerError as error:
                self.problem = error.detail
                return Q()
        if reason is not None and not self.bounds:
            self.problem = reason.detail
        if any(b.get("gte", 0) > b.get("lte", b.get("gte", 0)) for b in self.bounds.values()):
            self.problem = "The first amount is larger than the second."
        found = Q()
        for currency, bounds in self.bounds.items():
            found |= self.within(currency, bounds)
        return found

    def within(self, currency: str, bounds: Bounds) -> Q:
        return Q(currency=currency, **{f"amount__{side}": n for side, n in bounds.items()})

    def chips(self) -> Iterable[Chip]:
        words = {"amount_from": "from", "amount_to": "to"}
        said = " ".join(f"{words[name]} {text}" for name, text in self.given.items())
        return [Chip(f"Amount {said}", [*self.given])]


class IndexedAmountFilter(AmountFilter):
    """Of a table with an index on currency and amount."""

    def ways(self) -> Sequence[Way]:
        return [Way(self.within(*bounds)) for bounds in self.bounds.items()]


class EntryAmountFilter(AmountFilter):
    """By the amount that came in or went out."""

    def within(self, currency: str, bounds: Bounds) -> Q:
        came = {f"delta__{side}": n for side, n in bounds.items()}
        opposite = {"gte": "lte", "lte": "gte"}
        went = {f"delta__{opposite[side]}": -n for side, n in bounds.items()}
        of_sign = (Q(delta__gt=0) & Q(**came)) | (Q(delta__lt=0) & Q(**went))
        return Q(balance__currency=currency) & of_sign

    def ways(self) -> Sequence[Way]:
        """Each entry is as large as its transaction."""
        return [
            Way(
                Q(
                    transaction__currency=currency,
                    **{f"transaction__amount__{side}": n for side, n in bounds.items()},
                )
            )
            for currency, bounds in self.bounds.items()
        ]


def _minor(typed: str, currency: str) -> int:
    """Minor units; zero and less than nothing are fine here. Raises a kind of InvalidAmount."""
    text = typed.lstrip("-\u2212 ")
    try:
        amount = read_typed_amount(text, currency)
    except AmountNotPositive:
        if any(digit in text for digit in "123456789"):
            raise
        amount = 0
    return amount if text == typed.lstrip() else -amount
