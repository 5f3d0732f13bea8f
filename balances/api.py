"""`/balances`: what a user has, and how it came to be."""

from datetime import datetime
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.utils import timezone
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import UUIDField
from rest_framework.viewsets import ViewSet

from balances.cache import value_of
from balances.conditional import json_with_etag
from balances.errors import AtInFuture
from balances.fields import CurrencyField
from balances.history import excerpt, read_page
from balances.models import Balance
from balances.point_in_time import PastBalance, balances_at
from balances.queries import balances_of, shown_balances
from balances.representation import represent_entry, represent_past_balance
from ledgerlink.pagination import cursor_of, page_response, page_size
from ledgerlink.rows import dump_json
from ledgerlink.serializers import MomentField, PageQuery, QueryIdField, StrictSerializer
from users.models import User
from users.permissions import caller, subject_id
from users.roles import Capability


class CurrentQuery(StrictSerializer):
    currency = CurrencyField(default=None)
    user_id = QueryIdField(required=False)
    at = MomentField(required=False)


class HistoryQuery(PageQuery):
    currency = CurrencyField(default=None)
    user_id = QueryIdField(required=False)
    transaction_id = UUIDField(required=False)

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {
            "from": MomentField(required=False),
            "to": MomentField(required=False),
        }


class BalanceViewSet(ViewSet):
    """Balances are made by the posting engine; here they are only read."""

    def current(self, request: Request) -> HttpResponse:
        """All balances of a user, or the one of `?currency=`, now or as posted `?at=` a moment.
        A currency in which nothing was ever moved has a balance of zero with version 0, as has one
        in which nothing was yet moved at that moment."""
        query = CurrentQuery.read(request.query_params)
        owner = subject(request, query.get("user_id"))
        currency = query["currency"] or settings.DEFAULT_CURRENCY
        at = query.get("at")
        shown = _now(owner, currency) if at is None else _at(owner, currency, at)
        if query["currency"]:
            body = shown[currency]
        else:
            body = f'{{"user_id":{owner.pk},"balances":[{",".join(shown.values())}]}}'
        return json_with_etag(request, body)

    def history(self, request: Request) -> Response:
        """The ledger entries of a user, newest first."""
        query = HistoryQuery.read(request.query_params)
        owner = subject(request, query.get("user_id"))
        cursor, size = cursor_of(request), page_size(request)
        balances = list(balances_of(owner.pk))
        if query["currency"]:
            balances = [b for b in balances if b.currency == query["currency"]]
        entries = excerpt(
            balances,
            since=query.get("from"),
            until=query.get("to"),
            transaction_id=query.get("transaction_id"),
        )
        page = read_page(entries, cursor, size)
        currencies = {b.pk: b.currency for b in balances}
        return page_response(
            request,
            [represent_entry(entry, currencies[entry.balance_id]) for entry in page.entries],
            older=page.older,
            newer=page.newer,
        )


def _now(owner: User, currency: str) -> dict[str, str]:
    """Currency to JSON of the balances of `owner`; `currency` is always among them."""
    shown = shown_balances(owner.pk)
    if currency in shown:
        return shown
    empty = Balance(currency=currency, updated_at=owner.created_at)
    return dict(sorted({**shown, currency: value_of(empty)}.items()))


def _at(owner: User, currency: str, at: datetime) -> dict[str, str]:
    """The same as it was posted at a moment. Raises AtInFuture."""
    if at > timezone.now():
        raise AtInFuture("Ask for a moment that is over, or leave `at` out.")
    moved = balances_of(owner.pk).filter(version__gt=0)
    past = {b.currency: b for b in balances_at(list(moved), at)}
    past.setdefault(currency, PastBalance(currency, amount=0, entry_version=0))
    return {code: dump_json(represent_past_balance(past[code], at)) for code in sorted(past)}


def subject(request: Request, asked: int | None) -> User:
    """Whose balances the request is about. Raises PermissionDenied or NotFound."""
    user = caller(request)
    user_id = subject_id(request, asked, Capability.READ_ALL_BOOKS)
    if user_id == user.pk:
        return user
    other = User.objects.filter(pk=user_id).first()
    if other is None:
        raise NotFound
    return other
