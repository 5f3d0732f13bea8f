"""Turning validated bodies into orders for the posting engine, and who may give which."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

from django.utils import timezone
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from balances.enums import House, Owner
from balances.fields import amount_in
from ledgerlink.errors import LedgerError
from transactions.enums import TransactionType
from transactions.errors import NotAllowed
from transactions.instructions import Idempotency, Instruction, Reversal, Settlement
from transactions.models import Transaction
from users.actors import Actor
from users.permissions import caller, subject_id
from users.roles import Capability, Scope
from users.scopes import require_scope

SCOPE_OF = {
    TransactionType.TRANSFER: Scope.TRANSFER,
    TransactionType.DEPOSIT: Scope.DEPOSIT,
    TransactionType.WITHDRAWAL: Scope.WITHDRAW,
}
PENDING_SECONDS = 7 * 24 * 3600  # unless `expires_in` says otherwise


def movement(
    request: Request,
    kind: TransactionType,
    body: dict[str, Any],
    idempotency: Idempotency | None,
    group: str | None = None,
) -> Instruction:
    """A transfer, deposit or withdrawal."""
    require_scope(caller(request), SCOPE_OF[kind])
    source, destination = _sides(request, kind, body)
    expires_at = None
    if body["pending"]:
        lasting = timedelta(seconds=body.get("expires_in", PENDING_SECONDS))
        expires_at = timezone.now() + lasting
    return Instruction(
        type=kind,
        source=source,
        destination=destination,
        amount=body["amount"],
        currency=body["currency"],
        actor=Actor.of(caller(request)),
        description=body["description"],
        reference=body["reference"],
        metadata=body["metadata"],
        expected_version=body.get("expected_version"),
        min_balance_after=body.get("min_balance_after"),
        expires_at=expires_at,
        idempotency=idempotency,
        group=group,
    )


def item_of_batch(
    request: Request,
    index: int,
    item: dict[str, Any],
    idempotency: Idempotency | None,
    group: str | None,
) -> Instruction:
    """As `movement`, and what is raised names the `index` of the item."""
    try:
        return movement(request, TransactionType(item["type"]), item, idempotency, group)
    except PermissionDenied as error:
        raise NotAllowed("You may not do this.", index=index) from error
    except LedgerError as error:
        error.extra["index"] = index
        raise


def _sides(request: Request, kind: TransactionType, body: dict[str, Any]) -> tuple[Owner, Owner]:
    if kind == TransactionType.TRANSFER:
        payer = subject_id(request, body.get("from_user_id"), Capability.MOVE_ANY_MONEY)
        return payer, body["to_user_id"]
    owner = subject_id(request, body.get("user_id"), Capability.MOVE_ANY_MONEY)
    deposits = kind == TransactionType.DEPOSIT
    return (House.EXTERNAL, owner) if deposits else (owner, House.EXTERNAL)


def capture(
    request: Request, pending: Transaction, amount: str | None, idempotency: Idempotency | None
) -> Settlement:
    """`amount` is of the transaction's currency, None for all of it. Raises PermissionDenied,
    or a ValidationError of the amount."""
    minor = None if amount is None else amount_in(pending.currency, amount)
    in_full = minor in {None, pending.amount}
    if not (in_full and pending.source.user_id == request.user.pk):
        _require_may_settle(request, pending)
    return _settlement(request, pending, minor, idempotency)


def cancellation(
    request: Request, pending: Transaction, idempotency: Idempotency | None
) -> Settlement:
    """Raises PermissionDenied."""
    _require_may_settle(request, pending)
    return _settlement(request, pending, 0, idempotency)


def _require_may_settle(request: Request, pending: Transaction) -> None:
    """The receiver of a transfer settles it, since the hold is their security (its payer can only
    pay all of it); what involves a house account, the party that asked for it; and staff
    anything."""
    user_id = request.user.pk
    if pending.type == TransactionType.TRANSFER:
        own = pending.destination.user_id == user_id
    else:
        is_party = user_id in {pending.source.user_id, pending.destination.user_id}
        own = is_party and pending.requested_by_id == user_id
    if not own and not _may_move_any(request):
        raise PermissionDenied


def _settlement(
    request: Request, pending: Transaction, minor: int | None, idempotency: Idempotency | None
) -> Settlement:
    order = Settlement(
        transaction_id=pending.pk,
        capture_amount=minor,
        actor=Actor.of(caller(request)),
        balances=pending.balance_ids,
    )
    return order if idempotency is None else replace(order, idempotency=idempotency)


def reversal(
    request: Request,
    original: Transaction,
    body: dict[str, Any],
    idempotency: Idempotency | None,
) -> Reversal:
    """Whoever received a transfer may give it back; staff may reverse anything, and overdraw for
    it. Raises PermissionDenied, or a ValidationError of the amount."""
    received = original.destination.user_id == request.user.pk
    gives_back = received and original.type == TransactionType.TRANSFER
    if not _may_move_any(request) and (body["allow_overdraft"] or not gives_back):
        raise PermissionDenied
    amount = body["amount"]
    return Reversal(
        transaction_id=original.pk,
        amount=None if amount is None else amount_in(original.currency, amount),
        reason=body["reason"],
        allow_overdraft=body["allow_overdraft"],
        actor=Actor.of(caller(request)),
        balances=original.balance_ids,
        idempotency=idempotency,
    )


def _may_move_any(request: Request) -> bool:
    return caller(request).can(Capability.MOVE_ANY_MONEY)
