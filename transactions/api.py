"""`/transactions`: moving money, and seeing what was moved."""

from typing import Any
from uuid import UUID, uuid4

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from rest_framework.exceptions import ErrorDetail, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from ledgerlink import problems
from ledgerlink.pagination import page_response, read_page
from transactions import orders
from transactions.enums import TransactionType
from transactions.idempotency import idempotency_of, idempotency_of_item
from transactions.instructions import Answer, Idempotency, Order, Unit
from transactions.models import Transaction
from transactions.processor import submit, try_out
from transactions.queries import (
    PARTIES,
    keys_between,
    transaction_streams,
    undone_of,
    undone_of_each,
    visible_transactions,
)
from transactions.representation import (
    answer_of_dry_run,
    answer_of_outcome,
    answer_of_unit,
    represent_stored,
)
from transactions.serializers import (
    BatchBody,
    CancelBody,
    CaptureBody,
    DepositBody,
    PayoutBody,
    ReverseBody,
    TransactionQuery,
    TransferBody,
    read_batch_items,
)
from users.permissions import caller, subject_id
from users.roles import Capability


class TransactionViewSet(ViewSet):
    """Every movement is an order to the posting engine; nothing here changes a balance."""

    def transfer(self, request: Request) -> HttpResponse:
        """From the caller (or from the user whom staff names) to another user."""
        return _move(request, TransactionType.TRANSFER, TransferBody.read(request.data))

    def deposit(self, request: Request) -> HttpResponse:
        """From the world outside to a user."""
        return _move(request, TransactionType.DEPOSIT, DepositBody.read(request.data))

    def withdraw(self, request: Request) -> HttpResponse:
        """From a user to the world outside."""
        return _move(request, TransactionType.WITHDRAWAL, PayoutBody.read(request.data))

    def capture(self, request: Request, pk: UUID) -> HttpResponse:
        """Move what a pending transaction holds, all or part of it, and release the rest."""
        body = CaptureBody.read(request.data)
        pending = _named(request, pk)
        order = orders.capture(request, pending, body["amount"], _key(request, body))
        return _carry_out(order, dry_run=body["dry_run"])

    def cancel(self, request: Request, pk: UUID) -> HttpResponse:
        """Release what a pending transaction holds."""
        body = CancelBody.read(request.data)
        order = orders.cancellation(request, _named(request, pk), _key(request, body))
        return _carry_out(order, dry_run=body["dry_run"])

    def reverse(self, request: Request, pk: UUID) -> HttpResponse:
        """Give back a completed transaction, all or part of it, as a transaction of its own."""
        body = ReverseBody.read(request.data)
        order = orders.reversal(request, _named(request, pk), body, _key(request, body))
        return _carry_out(order, dry_run=body["dry_run"])

    def batch(self, request: Request) -> HttpResponse:
        """Up to 1,000 movements, each by itself or all or none; answered in order."""
        body = BatchBody.read(request.data)
        items = read_batch_items(body["transactions"])
        if any(item["dry_run"] for item in items):
            raise ValidationError({"dry_run": ["Ask for it for the batch, not for an item."]})
        group = str(uuid4()) if body["mode"] == "atomic" else None
        unit = Unit(
            [
                orders.item_of_batch(
                    request, index, item, idempotency_of_item(item["idempotency_key"], sent), group
                )
                for index, (item, sent) in enumerate(zip(items, body["transactions"], strict=True))
            ],
            _key(request, body),
        )
        if body["dry_run"]:
            return response_of(answer_of_unit(unit, try_out(unit).outcomes, dry_run=True))
        done = submit(unit)
        if done.error is not None:
            raise done.error
        return response_of(
            done.answer or answer_of_unit(unit, done.outcomes), replayed=done.replayed
        )

    def list(self, request: Request) -> Response:
        """The caller's transactions, newest first; for staff everybody's, or `?user_id=`'s."""
        query = TransactionQuery.read(request.query_params)
        asked = query.get("user_id")
        everybody = asked is None and caller(request).can(Capability.READ_ALL_BOOKS)
        owner = None if everybody else subject_id(request, asked, Capability.READ_ALL_BOOKS)
        if owner is None and "direction" in query:
            whose = "Say whose: what comes in for one goes out for the other."
            raise ValidationError({"user_id": [ErrorDetail(whose, code="required")]})
        streams = transaction_streams(owner, query)
        page = read_page(request, streams, keys=keys_between(query), related=PARTIES)
        undone = undone_of_each(page.rows)
        shown = [represent_stored(t, undone.get(t.pk, 0)) for t in page.rows]
        return page_response(request, shown, older=page.older, newer=page.newer)

    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One transaction; to those who are no party to it, it does not exist."""
        transaction = get_object_or_404(_visible(request).select_related(*PARTIES), pk=pk)
        return Response(represent_stored(transaction, undone_of(transaction)))


def _key(request: Request, body: dict[str, Any]) -> Idempotency | None:
    """A dry run neither uses a key up nor asks what it was used for.

    Raises InvalidIdempotencyKey.
    """
    key = idempotency_of(request)
    return None if body["dry_run"] else key


# All that is asked of a transaction before the engine reads it again under its locks.
_OF_AN_ORDER = (
    "type",
    "amount",
    "currency",
    "requested_by",
    "source__user",
    "destination__user",
)


def _named(request: Request, pk: UUID) -> Transaction:
    """What an order is about."""
    visible = _visible(request).select_related("source", "destination")
    return get_object_or_404(visible.only(*_OF_AN_ORDER), pk=pk)


def _visible(request: Request) -> QuerySet[Transaction]:
    user = caller(request)
    may_see_all = user.can(Capability.READ_ALL_BOOKS)
    return Transaction.objects.all() if may_see_all else visible_transactions(user.pk)


def _move(request: Request, kind: TransactionType, body: dict[str, Any]) -> HttpResponse:
    order = orders.movement(request, kind, body, _key(request, body))
    return _carry_out(order, dry_run=body["dry_run"])


def _carry_out(order: Order, *, dry_run: bool) -> HttpResponse:
    unit = Unit([order])
    if dry_run:
        (outcome,) = try_out(unit).outcomes
        return response_of(answer_of_dry_run(outcome, order.actor))
    (outcome,) = submit(unit).outcomes
    return response_of(answer_of_outcome(outcome, order.actor), replayed=outcome.replayed)


def response_of(answer: Answer, *, replayed: bool = False) -> HttpResponse:
    done = answer.status < 400
    response = HttpResponse(
        answer.body,
        status=answer.status,
        content_type="application/json" if done else problems.CONTENT_TYPE,
    )
    if replayed:
        response["Idempotent-Replayed"] = "true"
    return response
