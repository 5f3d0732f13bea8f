"""`/balances`: what a user has, and how it came to be."""

from typing import Any

from django.conf import settings
from django.http import HttpResponse
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.serializers import DateTimeField, UUIDField
from rest_framework.viewsets import ViewSet

from balances.cache import value_of
from balances.fields import CurrencyField
from balances.models import Balance
from balances.queries import balances_of, entry_streams, shown_balances
from balances.representation import represent_entry
from ledgerlink.pagination import paginate
from ledgerlink.serializers import PageQuery, QueryIdField, StrictSerializer
from users.models import User
from users.permissions import caller, subject_id
from users.roles import Capability


class CurrentQuery(StrictSerializer):
    currency = CurrencyField(default=None)
    user_id = QueryIdField(required=False)


class HistoryQuery(PageQuery):
    currency = CurrencyField(default=None)
    user_id = QueryIdField(required=False)
    transaction_id = UUIDField(required=False)

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {
            "from": DateTimeField(required=False),
            "to": DateTimeField(required=False),
        }


class BalanceViewSet(ViewSet):
    """Balances are made by the posting engine; here they are only read."""

    def current(self, request: Request) -> HttpResponse:
        """All balances of a user, or the one of `?currency=`. A currency in which nothing was
        ever moved has a balance of zero with version 0."""
        query = _valid(CurrentQuery, request)
        owner = _subject(request, query.get("user_id"))
        shown = shown_balances(owner.pk)
        currency = query["currency"] or settings.DEFAULT_CURRENCY
        if currency not in shown:
            empty = Balance(user=owner, currency=currency, updated_at=owner.created_at)
            shown = dict(sorted({**shown, currency: value_of(empty)}.items()))
        if query["currency"]:
            body = shown[currency]
        else:
            body = f'{{"user_id":{owner.pk},"balances":[{",".join(shown.values())}]}}'
        return HttpResponse(body, content_type="application/json")

    def history(self, request: Request) -> Response:
        """The ledger entries of a user, newest first."""
        query = _valid(HistoryQuery, request)
        owner = _subject(request, query.get("user_id"))
        balances = list(balances_of(owner.pk))
        if query["currency"]:
            balances = [b for b in balances if b.currency == query["currency"]]
        currencies = {b.pk: b.currency for b in balances}
        streams = entry_streams(
            balances,
            since=query.get("from"),
            until=query.get("to"),
            transaction_id=query.get("transaction_id"),
        )
        return paginate(
            request, streams, lambda entry: represent_entry(entry, currencies[entry.balance_id])
        )


def _valid(kind: type[StrictSerializer], request: Request) -> dict[str, Any]:
    query = kind(data=request.query_params)
    query.is_valid(raise_exception=True)
    valid: dict[str, Any] = query.validated_data
    return valid


def _subject(request: Request, asked: int | None) -> User:
    user = caller(request)
    user_id = subject_id(request, asked, Capability.READ_ALL_BOOKS)
    if user_id == user.pk:
        return user
    other = User.objects.filter(pk=user_id).first()
    if other is None:
        raise NotFound
    return other
