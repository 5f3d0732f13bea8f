"""PaySim's rows as movements of the ledger.

E. A. López-Rojas, A. Elmir, S. Axelsson: "PaySim: a financial mobile money simulator for fraud
detection", EMSS 2016; the data set is CC BY-SA 4.0. A name whose first appearance is as the origin
receives `oldbalanceOrg` as an opening deposit. PAYMENT and TRANSFER go from origin to destination,
CASH_OUT and DEBIT leave the books, CASH_IN comes in to the origin. All amounts are US dollars.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from balances.enums import House
from balances.money import parse_amount
from transactions.enums import TransactionType
from transactions.import_rows import (
    InvalidRow,
    Movement,
    Name,
    Row,
    check_username,
    check_width,
    columns_of,
)

CURRENCY = "USD"
EPOCH = datetime(2024, 1, 1, tzinfo=UTC)  # where step 0 is put; a step is an hour

_TYPES = {
    "PAYMENT": TransactionType.TRANSFER,
    "TRANSFER": TransactionType.TRANSFER,
    "CASH_OUT": TransactionType.WITHDRAWAL,
    "DEBIT": TransactionType.WITHDRAWAL,
    "CASH_IN": TransactionType.DEPOSIT,
}
_STEP = re.compile(r"[1-9][0-9]{0,5}")
_ZERO = re.compile(r"0(\.0{1,2})?")
_SCIENTIFIC = re.compile(r"([1-9])(?:\.([0-9]{1,17}))?E\+([0-9]{2})")


class PaySimReader:
    """Remembers every customer's name that it has read, some 100 bytes each."""

    creates_users = True
    COLUMNS = ("step", "type", "amount", "nameOrig", "oldbalanceOrg", "nameDest")

    def __init__(self, header: Sequence[str]) -> None:
        columns = columns_of(header, self.COLUMNS, optional=None)
        self._columns = columns
        self._places = [columns[name] for name in self.COLUMNS]
        self._seen: set[str] = set()

    def read(self, fields: Sequence[str]) -> Row:
        check_width(fields, self._columns)
        step, kind, amount, origin, balance, destination = (fields[p] for p in self._places)
        if kind not in _TYPES:
            raise InvalidRow(f"its type {kind[:20]!r} is not one of {', '.join(_TYPES)}")
        source, target = _sides(_TYPES[kind], check_username(origin), check_username(destination))
        if origin.lower() == destination.lower():
            raise InvalidRow("its origin and its destination are the same")
        effective_at = _time(step)
        movement = Movement(
            type=_TYPES[kind],
            source=source,
            destination=target,
            amount=parse_amount(plain(amount), CURRENCY),
            currency=CURRENCY,
            description=kind,
            effective_at=effective_at,
        )
        opening = None if _ZERO.fullmatch(balance) else parse_amount(plain(balance), CURRENCY)
        first = origin.lower() not in self._seen
        self._seen.update((origin.lower(), destination.lower()))
        if opening is None or not first:
            return Row(movement, (origin, destination))
        return Row(movement, (origin, destination), _opening(origin, opening, effective_at))


def _sides(kind: TransactionType, origin: str, destination: str) -> tuple[Name, Name]:
    match kind:
        case TransactionType.WITHDRAWAL:
            return origin, House.EXTERNAL
        case TransactionType.DEPOSIT:
            return House.EXTERNAL, origin
        case _:
            return origin, destination


def _opening(origin: str, amount: int, at: datetime) -> Movement:
    return Movement(
        type=TransactionType.DEPOSIT,
        source=House.EXTERNAL,
        destination=origin,
        amount=amount,
        currency=CURRENCY,
        description="Opening balance",
        effective_at=at,
    )


def plain(amount: str) -> str:
    """`1.03E+07`, as PaySim writes round millions, as `10300000`; anything else as it is.

    The digits are moved, never computed with, and what comes out is still to be parsed.
    """
    match = _SCIENTIFIC.fullmatch(amount)
    if match is None:
        return amount
    decimals, exponent = match[2] or "", int(match[3])
    digits = match[1] + decimals.ljust(exponent, "0")
    whole, rest = digits[: exponent + 1], digits[exponent + 1 :]
    return f"{whole}.{rest}" if rest else whole


def _time(step: str) -> datetime:
    if _STEP.fullmatch(step) is None:
        raise InvalidRow("its step is not a number from 1 to 999999")
    return EPOCH + timedelta(hours=int(step))
