"""`/approvals`: what takes two people, asked for by one and decided by another."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from django.shortcuts import get_object_or_404
from rest_framework.exceptions import ErrorDetail, PermissionDenied, ValidationError
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from balances.enums import BalanceStatus
from balances.fields import amount_in
from ledgerlink.pagination import paginate
from transactions import approvals, errors
from transactions.api import response_of
from transactions.approval_model import Approval
from transactions.approval_queries import matching_approvals
from transactions.approval_representation import (
    PEOPLE,
    answer_of_approval,
    answer_of_decision,
    represent_approval,
)
from transactions.approval_serializers import (
    ApprovalQuery,
    ApproveBody,
    RejectBody,
    WithdrawBody,
    read_asking,
)
from transactions.asked import (
    Adjustment,
    Asked,
    Direction,
    Freeze,
    LimitChange,
    ReversalAsked,
    Transfer,
    Withdrawal,
)
from transactions.enums import ApprovalKind
from transactions.idempotency import answer_once, idempotency_of
from transactions.instructions import Answer
from transactions.models import Transaction
from users.actors import Actor
from users.permissions import caller
from users.roles import Capability, Role

_NEEDED = {
    "list": Capability.READ_ALL_BOOKS,
    "retrieve": Capability.READ_ALL_BOOKS,
    "create": Capability.REQUEST_APPROVAL,
    "withdraw": Capability.REQUEST_APPROVAL,
    "approve": Capability.APPROVE,
    "reject": Capability.APPROVE,
}


class MayUseApprovals(IsAuthenticated):
    """Asked before any request is looked up, so that nobody else learns which exist."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not super().has_permission(request, view):
            return False
        needed = _NEEDED.get(view.action)
        if needed is not None and not caller(request).can(needed):
            raise PermissionDenied
        return True


class ApprovalViewSet(ViewSet):
    """Who may decide is judged by `transactions.approvals`, under the lock of the request."""

    permission_classes = [MayUseApprovals]

    def list(self, request: Request) -> Response:
        """Newest first."""
        query = ApprovalQuery.read(request.query_params)
        return paginate(request, [matching_approvals(query)], represent_approval, related=PEOPLE)

    def create(self, request: Request) -> HttpResponse:
        """Ask for something that somebody else must approve."""
        body = read_asking(request.data)

        def ask(by: Actor) -> Answer:
            approval = approvals.request_approval(asked=_asked(body), reason=body["reason"], by=by)
            return answer_of_approval(approval, is_new=True)

        return _once(request, ask)

    def retrieve(self, request: Request, pk: UUID) -> Response:
        found = Approval.objects.select_related(*PEOPLE)
        return Response(represent_approval(get_object_or_404(found, pk=pk)))

    def approve(self, request: Request, pk: UUID) -> HttpResponse:
        """Have it carried out, at once. What the books refuse then has failed."""
        body = ApproveBody.read(request.data)
        seen = _seen(pk, body["expected_version"])

        def agree(by: Actor) -> Answer:
            decision = approvals.approve(approval_id=pk, by=by, comment=body["comment"], **seen)
            return answer_of_decision(decision)

        return _once(request, agree)

    def reject(self, request: Request, pk: UUID) -> HttpResponse:
        comment = RejectBody.read(request.data)["comment"]
        return _once(
            request,
            lambda by: answer_of_approval(approvals.reject(approval_id=pk, by=by, comment=comment)),
        )

    def withdraw(self, request: Request, pk: UUID) -> HttpResponse:
        """Take one's own request back."""
        comment = WithdrawBody.read(request.data)["comment"]
        return _once(
            request,
            lambda by: answer_of_approval(
                approvals.withdraw(approval_id=pk, by=by, comment=comment)
            ),
        )


def _once(request: Request, act: Callable[[Actor], Answer]) -> HttpResponse:
    actor = Actor.of(caller(request))
    answer, replayed = answer_once(actor, idempotency_of(request), lambda: act(actor))
    return response_of(answer, replayed=replayed)


def _asked(body: dict[str, Any]) -> Asked:
    """What a validated body asks for. Raises UnknownTransaction, or a ValidationError of the amount
    of a reversal."""
    match body["kind"]:
        case ApprovalKind.ADJUSTMENT:
            return Adjustment(
                **_money(body, "user_id"),
                direction=Direction(body["direction"]),
                allow_overdraft=body["allow_overdraft"],
            )
        case ApprovalKind.WITHDRAWAL:
            return Withdrawal(**_money(body, "user_id"))
        case ApprovalKind.TRANSFER:
            return Transfer(**_money(body, "from_user_id", "to_user_id"))
        case ApprovalKind.REVERSAL:
            return _reversal(body)
        case ApprovalKind.FREEZE:
            return Freeze(
                user_id=body["user_id"],
                currency=body["currency"],
                status=BalanceStatus(body["status"]),
                until=body["until"],
            )
        case _:
            return LimitChange(
                user_id=body.get("user_id"),
                role=Role(body["role"]) if "role" in body else None,
                currency=body["currency"],
                per_transaction=body["per_transaction"],
                per_day=body["per_day"],
            )


def _money(body: dict[str, Any], *parties: str) -> dict[str, Any]:
    names = ("currency", "amount", "description", "reference")
    return {name: body[name] for name in (*parties, *names)}


def _reversal(body: dict[str, Any]) -> ReversalAsked:
    original = Transaction.objects.filter(pk=body["transaction_id"]).first()
    if original is None:
        raise errors.UnknownTransaction("There is no such transaction.")
    amount = body["amount"]
    return ReversalAsked(
        transaction_id=original.pk,
        amount=None if amount is None else amount_in(original.currency, amount),
        allow_overdraft=body["allow_overdraft"],
    )


def _seen(pk: UUID, expected_version: int | None) -> dict[str, Any]:
    """What `approvals.approve` is told of what was seen. Raises Http404, or a ValidationError where
    there is nothing to have a version."""
    if expected_version is None:
        return {}
    approval = get_object_or_404(Approval, pk=pk)
    if approval.kind == ApprovalKind.LIMIT:
        return {"limit_version": expected_version}
    if approval.user_id is None:
        nothing = ErrorDetail("This changes no user's balance.", code="no_balance")
        raise ValidationError({"expected_version": [nothing]})
    return {"seen": {(approval.user_id, approval.currency): expected_version}}
