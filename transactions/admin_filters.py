"""Filters of the list of transactions."""

from collections.abc import Iterable, Sequence
from typing import Any

from django.db.models import Q
from django.http import HttpRequest

from balances.admin_filters import PartyFilter
from ledgerlink.admin_filters import Chip, ChoiceFilter, Filter, read_moment, said_moment
from ledgerlink.long_lists import Way
from transactions.enums import TransactionStatus, TransactionType
from transactions.errors import PostingRefused

Choices = Iterable[tuple[str, str]]
REASONS = {kind.code: kind.title for kind in PostingRefused.__subclasses__()}


class TypeFilter(ChoiceFilter):
    title = "type"
    parameter_name = "type"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(kind.value, str(kind.label)) for kind in TransactionType]

    def ways(self) -> Sequence[Way]:
        return [Way(self.condition, "pk")]


class StatusFilter(ChoiceFilter):
    title = "status"
    parameter_name = "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return [(status.value, str(status.label)) for status in TransactionStatus]

    def ways(self) -> Sequence[Way]:
        return [Way(self.condition)]


class ReasonFilter(ChoiceFilter):
    """Why a transaction failed."""

    title = "reason"
    parameter_name = "failure_code"

    def lookups(self, request: HttpRequest, model_admin: Any) -> Choices:
        return REASONS.items()

    def ways(self) -> Sequence[Way]:
        return [Way(Q(status=TransactionStatus.FAILED))]


class CompletionFilter(Filter):
    """When the money moved, for links: on a day (UTC) or at a moment, or later."""

    title = "completed from"
    parameters = ("completed_at__gte",)

    def read(self, request: HttpRequest) -> Q:
        start = read_moment(self.given["completed_at__gte"])
        if start is None:
            self.problem = "This is not a day of completion."
            return Q()
        return Q(completed_at__gte=start)

    def ways(self) -> Sequence[Way]:
        return [Way(self.condition)]

    def chips(self) -> Iterable[Chip]:
        said = said_moment(self.given["completed_at__gte"])
        return [Chip(f"Completed from {said}", [*self.given])]


class ExpiryFilter(Filter):
    """What was to be captured before a moment, for links."""

    title = "expired before"
    parameters = ("expires_at__lt",)

    def read(self, request: HttpRequest) -> Q:
        end = read_moment(self.given["expires_at__lt"])
        if end is None:
            self.problem = "This is not a time of expiry."
            return Q()
        return Q(expires_at__lt=end)

    def chips(self) -> Iterable[Chip]:
        return [Chip(f"Expired before {said_moment(self.given['expires_at__lt'])}", [*self.given])]


class TransactionPartyFilter(PartyFilter):
    def of(self, balances: Sequence[int]) -> Q:
        return Q(source__in=balances) | Q(destination__in=balances)

    def ways(self) -> Sequence[Way]:
        return ways_between(self.balances)


def ways_between(balances: Sequence[int]) -> list[Way]:
    """To the transactions of these balances; indexes keep each one's in order."""
    return [
        Way(Q(**{side: balance}), "pk")
        for balance in balances
        for side in ("source", "destination")
    ]
