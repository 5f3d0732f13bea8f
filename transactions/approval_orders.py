"""Of what was asked: whom it is about, what people read, and the order to the posting engine."""

from dataclasses import dataclass

from balances.enums import BalanceStatus, House
from balances.money import exponent_of, money
from transactions import errors
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
from transactions.enums import TransactionType
from transactions.instructions import Approved, Instruction, Order, Reversal, StatusChange
from transactions.models import Transaction
from users.actors import Actor
from users.models import User

_FREEZES = {
    BalanceStatus.ACTIVE: "Unfreeze the {currency} balance of {name}",
    BalanceStatus.DEBITS_FROZEN: "Freeze the debits of the {currency} balance of {name}",
    BalanceStatus.FROZEN: "Freeze the {currency} balance of {name}",
}


@dataclass(frozen=True, slots=True)
class Subject:
    """`user` is None for a role's limit, and for what only house accounts are about."""

    user: User | None
    currency: str
    original: Transaction | None
    summary: str  # one line, as it was when it was asked


def subject_of(asked: Asked) -> Subject:
    """Raises UnknownParty, UnknownTransaction or UnknownCurrency."""
    if isinstance(asked, ReversalAsked):
        return _of_reversal(asked)
    exponent_of(asked.currency)
    if asked.user_id is None:
        return Subject(None, asked.currency, None, _limits(asked, f"every {asked.role}"))
    user = _user(asked.user_id)
    return Subject(user, asked.currency, None, _summary(asked, user.username))


def _user(pk: int) -> User:
    """Raises UnknownParty."""
    user = User.objects.filter(pk=pk, deleted_at__isnull=True).first()
    if user is None:
        raise errors.UnknownParty("There is no such user, or they were deleted.")
    return user


def _of_reversal(asked: ReversalAsked) -> Subject:
    related = ("source__user", "destination__user")
    original = Transaction.objects.select_related(*related).filter(pk=asked.transaction_id).first()
    if original is None:
        raise errors.UnknownTransaction("There is no such transaction.")
    amount = original.amount if asked.amount is None else asked.amount
    summary = (
        f"Reverse {money(amount, original.currency)} of the {original.type} "
        f"from {original.source.owner_name} to {original.destination.owner_name}"
    )
    user = original.destination.user or original.source.user
    return Subject(user, original.currency, original, summary + _forced(asked.allow_overdraft))


def _summary(asked: Adjustment | Freeze | LimitChange | Withdrawal | Transfer, name: str) -> str:
    match asked:
        case Adjustment(direction=Direction.CREDIT):
            return f"Credit {money(asked.amount, asked.currency)} to {name}"
        case Adjustment():
            forced = _forced(asked.allow_overdraft)
            return f"Debit {money(asked.amount, asked.currency)} from {name}{forced}"
        case Withdrawal():
            return f"Withdraw {money(asked.amount, asked.currency)} for {name}"
        case Transfer():
            to = _user(asked.to_user_id).username
            return f"Transfer {money(asked.amount, asked.currency)} from {name} to {to}"
        case LimitChange():
            return _limits(asked, name)
        case Freeze():
            said = _FREEZES[asked.status].format(currency=asked.currency, name=name)
            return said if asked.until is None else f"{said} until {asked.until:%Y-%m-%d %H:%M} UTC"


def _forced(allow_overdraft: bool) -> str:  # noqa: FBT001 - what was asked
    return ", also if it was spent" if allow_overdraft else ""


def _limits(asked: LimitChange, whose: str) -> str:
    said = [
        f"{money(minor, asked.currency)} {what}"
        for minor, what in ((asked.per_transaction, "at once"), (asked.per_day, "a day"))
        if minor is not None
    ]
    if not said:
        return f"No limits for {whose} in {asked.currency}"
    return f"Limit {whose} to {' and '.join(said)}"


def order_of(
    asked: Adjustment | ReversalAsked | Freeze | Withdrawal | Transfer,
    *,
    reason: str,
    requested_by: Actor,
    approved: Approved,
) -> Order:
    """The order that carries it out, asked by one person and approved by another."""
    match asked:
        case Adjustment():
            credits_user = asked.direction == Direction.CREDIT
            return Instruction(
                type=TransactionType.ADJUSTMENT,
                source=House.ADJUSTMENTS if credits_user else asked.user_id,
                destination=asked.user_id if credits_user else House.ADJUSTMENTS,
                amount=asked.amount,
                currency=asked.currency,
                description=asked.description,
                reference=asked.reference,
                allow_overdraft=asked.allow_overdraft,
                actor=requested_by,
                approved=approved,
            )
        case Withdrawal():
            return Instruction(
                type=TransactionType.WITHDRAWAL,
                source=asked.user_id,
                destination=House.EXTERNAL,
                amount=asked.amount,
                currency=asked.currency,
                description=asked.description,
                reference=asked.reference,
                actor=requested_by,
                approved=approved,
            )
        case Transfer():
            return Instruction(
                type=TransactionType.TRANSFER,
                source=asked.from_user_id,
                destination=asked.to_user_id,
                amount=asked.amount,
                currency=asked.currency,
                description=asked.description,
                reference=asked.reference,
                actor=requested_by,
                approved=approved,
            )
        case ReversalAsked():
            return Reversal(
                transaction_id=asked.transaction_id,
                amount=asked.amount,
                reason=reason,
                allow_overdraft=asked.allow_overdraft,
                actor=requested_by,
                approved=approved,
            )
        case Freeze():
            return StatusChange(
                user_id=asked.user_id,
                currency=asked.currency,
                status=asked.status,
                until=asked.until,
                reason=reason,
                actor=requested_by,
                approved=approved,
            )
