"""`/transactions`: moving money, and seeing what was moved."""

from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from balances.enums import House, Owner
from ledgerlink import problems
from ledgerlink.pagination import paginate
from ledgerlink.serializers import StrictSerializer
from transactions.enums import TransactionType
from transactions.errors import FundingNotAllowed
from transactions.idempotency import idempotency_of
from transactions.instructions import Instruction, Outcome, Unit
from transactions.processor import submit
from transactions.queries import all_transactions, transaction_streams, visible_transactions
from transactions.representation import answer_of_outcome, represent_stored
from transactions.serializers import FundingBody, TransactionQuery, TransferBody
from users.actors import Actor
from users.permissions import caller, subject_id
from users.roles import Capability


class TransactionViewSet(ViewSet):
    """Every movement is an instruction to the posting engine; nothing here changes a balance."""

    def transfer(self, request: Request) -> HttpResponse:
        """From the caller (or from the user whom staff names) to another user."""
        body = _valid(TransferBody, request.data)
        payer = subject_id(request, body.pop("from_user_id", None), Capability.MOVE_ANY_MONEY)
        receiver = body.pop("to_user_id")
        return _move(request, TransactionType.TRANSFER, payer, receiver, body)

    def deposit(self, request: Request) -> HttpResponse:
        """From the world outside to a user."""
        body = _valid(FundingBody, request.data)
        owner = _funded(request, body.pop("user_id", None))
        return _move(request, TransactionType.DEPOSIT, House.EXTERNAL, owner, body)

    def withdraw(self, request: Request) -> HttpResponse:
        """From a user to the world outside."""
        body = _valid(FundingBody, request.data)
        owner = _funded(request, body.pop("user_id", None))
        return _move(request, TransactionType.WITHDRAWAL, owner, House.EXTERNAL, body)

    def list(self, request: Request) -> Response:
        """The caller's transactions, newest first; for staff everybody's, or `?user_id=`'s."""
        query = _valid(TransactionQuery, request.query_params)
        asked = query.get("user_id")
        everybody = asked is None and caller(request).can(Capability.READ_ALL_BOOKS)
        owner = None if everybody else subject_id(request, asked, Capability.READ_ALL_BOOKS)
        return paginate(request, transaction_streams(owner, query), represent_stored)

    def retrieve(self, request: Request, pk: UUID) -> Response:
        """One transaction; to those who are no party to it, it does not exist."""
        user = caller(request)
        may_see_all = user.can(Capability.READ_ALL_BOOKS)
        visible = all_transactions() if may_see_all else visible_transactions(user.pk)
        return Response(represent_stored(get_object_or_404(visible, pk=pk)))


def _valid(kind: type[StrictSerializer], data: Any) -> dict[str, Any]:
    serializer = kind(data=data)
    serializer.is_valid(raise_exception=True)
    valid: dict[str, Any] = serializer.validated_data
    return valid


def _funded(request: Request, asked: int | None) -> int:
    """Whose balance is funded. Raises FundingNotAllowed for a user's own while that is off."""
    owner = subject_id(request, asked, Capability.MOVE_ANY_MONEY)
    if not settings.SELF_SERVICE_FUNDING and not caller(request).can(Capability.MOVE_ANY_MONEY):
        raise FundingNotAllowed("Ask finance to deposit or withdraw for you.")
    return owner


def _move(
    request: Request,
    kind: TransactionType,
    source: Owner,
    destination: Owner,
    body: dict[str, Any],
) -> HttpResponse:
    instruction = Instruction(
        type=kind,
        source=source,
        destination=destination,
        actor=Actor.of(caller(request)),
        idempotency=idempotency_of(request),
        **body,
    )
    return _response(submit(Unit([instruction])).outcomes[0], instruction.actor)


def _response(outcome: Outcome, actor: Actor) -> HttpResponse:
    answer = answer_of_outcome(outcome, actor)
    done = answer.status < 400
    response = HttpResponse(
        answer.body,
        status=answer.status,
        content_type="application/json" if done else problems.CONTENT_TYPE,
    )
    if outcome.replayed:
        response["Idempotent-Replayed"] = "true"
    return response
