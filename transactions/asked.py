"""What can be asked of a second person, and the order that carries it out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime
from enum import Enum, StrEnum
from typing import Any
from uuid import UUID

from balances.enums import BalanceStatus
from ledgerlink.timestamps import rfc3339
from transactions.enums import ApprovalKind
from users.roles import Role


class Direction(StrEnum):
    """Of an adjustment, from the customer's side."""

    CREDIT = "credit"  # the balance grows
    DEBIT = "debit"


@dataclass(frozen=True, slots=True, kw_only=True)
class Adjustment:
    """Between a user's balance and the house account `adjustments`. `description` is for the
    customer as well."""

    user_id: int
    currency: str
    amount: int  # minor units
    direction: Direction
    description: str = ""
    reference: str = ""
    allow_overdraft: bool = False  # of a debit: take it also where the money was spent


@dataclass(frozen=True, slots=True, kw_only=True)
class ReversalAsked:
    """The reason is for both parties as well."""

    transaction_id: UUID
    amount: int | None = None  # minor units; None: all that is left, when it is asked
    allow_overdraft: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Freeze:
    """Or unfreeze, with the status `active`."""

    user_id: int
    currency: str
    status: BalanceStatus
    until: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitChange:
    """Replaces the limits of a user, or of every user of a role, in a currency; minor units, None:
    no limit."""

    currency: str
    user_id: int | None = None
    role: Role | None = None
    per_transaction: int | None = None
    per_day: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Withdrawal:
    """`description` is for the customer as well."""

    user_id: int
    currency: str
    amount: int  # minor units
    description: str = ""
    reference: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfer:
    """`description` is for both parties as well."""

    from_user_id: int
    to_user_id: int
    currency: str
    amount: int  # minor units
    description: str = ""
    reference: str = ""

    @property
    def user_id(self) -> int:
        """Whose money it is."""
        return self.from_user_id


Asked = Adjustment | ReversalAsked | Freeze | LimitChange | Withdrawal | Transfer

_BY_KIND: dict[ApprovalKind, type[Asked]] = {
    ApprovalKind.ADJUSTMENT: Adjustment,
    ApprovalKind.REVERSAL: ReversalAsked,
    ApprovalKind.FREEZE: Freeze,
    ApprovalKind.LIMIT: LimitChange,
    ApprovalKind.WITHDRAWAL: Withdrawal,
    ApprovalKind.TRANSFER: Transfer,
}
_KIND_OF = {kind: name for name, kind in _BY_KIND.items()}
_READERS: dict[str, Callable[[str], Any]] = {
    "direction": Direction,
    "transaction_id": UUID,
    "status": BalanceStatus,
    "until": datetime.fromisoformat,
    "role": Role,
}


def kind_of(asked: Asked) -> ApprovalKind:
    return _KIND_OF[type(asked)]


def as_json(asked: Asked) -> dict[str, Any]:
    return {field.name: _plain(getattr(asked, field.name)) for field in fields(asked)}


def _plain(value: Any) -> Any:
    match value:
        case UUID():
            return str(value)
        case datetime():
            return rfc3339(value)
        case Enum():
            return value.value
        case _:
            return value


def from_json(kind: str, asked: Mapping[str, Any]) -> Asked:
    """What `as_json` made of it."""
    given = {
        name: _READERS[name](value) if name in _READERS and value is not None else value
        for name, value in asked.items()
    }
    made: Asked = _BY_KIND[ApprovalKind(kind)](**given)
    return made
