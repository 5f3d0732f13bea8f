"""Whether those who give an order may, asked of the database under the engine's locks: a role may
have been taken away a moment ago."""

from django.conf import settings

from balances.enums import Owner
from transactions import errors
from transactions.approval_rules import needs_approval
from transactions.book import Book
from transactions.enums import TransactionType
from transactions.instructions import (
    Instruction,
    Order,
    Reversal,
    Settlement,
    StatusChange,
    asking,
)
from users.actors import Actor
from users.roles import Capability

_FUNDING = (TransactionType.DEPOSIT, TransactionType.WITHDRAWAL)


def require_authority(book: Book, order: Order) -> None:
    """Raises ActorInactive, NotAllowed for the money of others or for sending it to oneself,
    FundingNotAllowed while self-service is off, or ApprovalRequired when one person alone asks for
    what takes two."""
    _require_active(book, order)
    _require_own_or_staff(book, order)
    _require_second_person(book, order)


def _require_active(book: Book, order: Order) -> None:
    for pk in asking(order):
        if pk not in book.parties or not book.parties[pk].is_active:
            raise errors.ActorInactive("This user has been deactivated.")


def _require_own_or_staff(book: Book, order: Order) -> None:
    user_id = order.actor.user_id
    if user_id is None:
        return
    if user_id in _owners(book, order):
        _require_self_service(book, order)
        return
    if not book.parties[user_id].can(Capability.MOVE_ANY_MONEY):
        raise errors.NotAllowed("Your role does not allow this.")
    if _receiver(book, order) in _people(order):
        raise errors.NotAllowed("A colleague must do what sends the money of others to you.")


def _require_self_service(book: Book, order: Order) -> None:
    """Of staff as well: a colleague deposits for them."""
    kind: str | None = None
    if isinstance(order, Instruction):
        kind = order.type
    elif isinstance(order, Settlement) and order.capture_amount != 0:
        kind = book.transaction_of(order).type
    if kind in _FUNDING and not settings.SELF_SERVICE_FUNDING:
        raise errors.FundingNotAllowed("Ask finance to deposit or withdraw for you.")


def _people(order: Order) -> set[int | None]:
    """Those who ask for it and agree to it; a program has no colleague."""
    agreeing = [] if order.approved is None else [order.approved.by]
    return {by.user_id for by in (order.actor, *agreeing) if by.is_person}


def _receiver(book: Book, order: Order) -> Owner | None:
    """Who gets the money that one who is no party to it moves."""
    match order:
        case Instruction():
            return order.destination
        case Reversal():
            return book.accounts_by_id[book.transaction_of(order).source_id].owner
        case _:
            return None


def _owners(book: Book, order: Order) -> set[Owner]:
    """Those whose own money the order is about."""
    match order:
        case Instruction(type=TransactionType.DEPOSIT):
            return {order.destination}
        case Instruction():
            return {order.source}
        case StatusChange():
            return set()
    named = book.transaction_of(order)
    receiver = book.accounts_by_id[named.destination_id].owner
    if isinstance(order, Reversal):
        return {receiver}
    return {receiver, book.accounts_by_id[named.source_id].owner}


def _require_second_person(book: Book, order: Order) -> None:
    if order.approved is not None:
        _require_approver(book, order.approved.by, order.actor)
    reversed_ = None
    if isinstance(order, Reversal):
        original = book.transaction_of(order)
        reversed_ = original.type, book.accounts_by_id[original.destination_id].user_id
    if needs_approval(order, reversed_):
        raise errors.ApprovalRequired("Ask for it; somebody else must approve it.")


def _require_approver(book: Book, approver: Actor, asking: Actor) -> None:
    if approver.user_id == asking.user_id:
        raise errors.OwnRequest("Somebody else must approve it.")
    if approver.user_id is not None and not book.parties[approver.user_id].can(Capability.APPROVE):
        raise errors.NotAllowed("Your role does not allow this.")
