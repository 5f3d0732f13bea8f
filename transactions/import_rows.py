"""What one row of an import says, and the plain ledger format."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from django.conf import settings
from django.core.exceptions import ValidationError

from balances.enums import House
from balances.money import parse_amount
from ledgerlink.errors import InvalidInput
from transactions.csv_lines import ImportRefused
from transactions.enums import TransactionType
from transactions.models import REFERENCE_MAX_LENGTH
from users.models import validate_username

Name = str | House  # a username as it is written, or a house account
_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?"
    r"([Zz]|[+-][0-9]{2}:[0-9]{2})"
)
_FIRST_YEAR, _LAST_YEAR = 1970, 9998


class InvalidRow(InvalidInput):
    code = "invalid_row"
    title = "The row can't be understood"


@dataclass(frozen=True, slots=True, kw_only=True)
class Movement:
    """`amount` is minor units of `currency`."""

    type: TransactionType
    source: Name
    destination: Name
    amount: int
    currency: str
    description: str = ""
    reference: str = ""
    effective_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """`people` are the usernames that it mentions; `opening` is a deposit that comes before."""

    movement: Movement
    people: tuple[str, ...]
    opening: Movement | None = None


class RowReader(Protocol):
    """Made for one pass through a file; `creates_users` says whether unknown people are made."""

    creates_users: bool

    def read(self, fields: Sequence[str]) -> Row:
        """Raises a kind of InvalidInput when the row can't be posted."""


def columns_of(
    header: Sequence[str], required: Sequence[str], optional: Sequence[str] | None
) -> dict[str, int]:
    """Where each column stands. `optional` None lets any other column be there.

    Raises ImportRefused for a header that lacks a column, repeats or does not know one.
    """
    names = [name.strip() for name in header]
    wanted = ", ".join((*required, *(optional or ())))
    missing = [name for name in required if name not in names]
    if missing:
        raise ImportRefused(
            f"Line 1 is no fitting header: it lacks {', '.join(missing)}. Columns: {wanted}."
        )
    unknown = [name for name in names if name not in (*required, *(optional or names))]
    if unknown:
        raise ImportRefused(
            f"Line 1 has a column that is not known: {unknown[0][:40]!r}. Columns: {wanted}."
        )
    if len(set(names)) != len(names):
        raise ImportRefused("Line 1 names a column twice.")
    return {name: place for place, name in enumerate(names)}


def check_width(fields: Sequence[str], columns: dict[str, int]) -> None:
    if len(fields) != len(columns):
        raise InvalidRow(f"it has {len(fields)} fields where the header has {len(columns)}")


def check_username(name: str) -> str:
    try:
        validate_username(name)
    except ValidationError:
        raise InvalidRow(f"{name[:60]!r} can't be a username") from None
    return name


class LedgerReader:
    """Columns: type, from, to, amount, and perhaps currency, time and reference, in any order.

    A side that is the world outside (the source of a deposit, the destination of a withdrawal)
    is written `house:external` or left empty; one side of an adjustment is `house:adjustments`.
    """

    REQUIRED = ("type", "from", "to", "amount")
    OPTIONAL = ("currency", "time", "reference")
    TYPES = (
        TransactionType.TRANSFER,
        TransactionType.DEPOSIT,
        TransactionType.WITHDRAWAL,
        TransactionType.ADJUSTMENT,
    )

    def __init__(self, header: Sequence[str], *, creates_users: bool) -> None:
        self.creates_users = creates_users
        self._columns = columns_of(header, self.REQUIRED, self.OPTIONAL)

    def read(self, fields: Sequence[str]) -> Row:
        check_width(fields, self._columns)
        cell = {name: fields[place].strip() for name, place in self._columns.items()}
        kind = cell["type"].lower()
        if kind not in self.TYPES:
            raise InvalidRow(f"its type {kind[:20]!r} is not one of {', '.join(self.TYPES)}")
        source, destination = _sides(TransactionType(kind), cell["from"], cell["to"])
        currency = cell.get("currency") or settings.DEFAULT_CURRENCY
        movement = Movement(
            type=TransactionType(kind),
            source=source,
            destination=destination,
            amount=parse_amount(cell["amount"], currency),
            currency=currency,
            reference=_reference(cell.get("reference", "")),
            effective_at=_time(cell.get("time", "")),
        )
        people = [name for name in (source, destination) if not isinstance(name, House)]
        return Row(movement, tuple(people))


def _sides(kind: TransactionType, source: str, destination: str) -> tuple[Name, Name]:
    match kind:
        case TransactionType.DEPOSIT:
            return _house(source, House.EXTERNAL), check_username(destination)
        case TransactionType.WITHDRAWAL:
            return check_username(source), _house(destination, House.EXTERNAL)
        case TransactionType.ADJUSTMENT if source.startswith("house:"):
            return _house(source, House.ADJUSTMENTS), check_username(destination)
        case TransactionType.ADJUSTMENT:
            return check_username(source), _house(destination, House.ADJUSTMENTS)
        case _:
            if source.lower() == destination.lower():
                raise InvalidRow("its source and its destination are the same")
            return check_username(source), check_username(destination)


def _house(name: str, house: House) -> House:
    if name not in {f"house:{house}", "" if house is House.EXTERNAL else f"house:{house}"}:
        raise InvalidRow(f"it names {name[:60]!r} where house:{house} belongs")
    return house


def _reference(text: str) -> str:
    if len(text) > REFERENCE_MAX_LENGTH:
        raise InvalidRow(f"its reference is longer than {REFERENCE_MAX_LENGTH} characters")
    return text


def _time(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text.upper()) if _RFC3339.fullmatch(text) else None
    except ValueError:
        moment = None
    if moment is None:
        raise InvalidRow("its time is not RFC 3339, such as 2026-11-22T19:03:37Z")
    if not _FIRST_YEAR <= moment.year <= _LAST_YEAR:
        raise InvalidRow(f"its time is not between the years {_FIRST_YEAR} and {_LAST_YEAR}")
    return moment.astimezone(UTC)
