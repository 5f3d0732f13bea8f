"""What one person alone may not do: the one place that says so.

Money that leaves a customer's balance on the word of staff takes two people above an amount,
whether it leaves the books (a withdrawal) or goes to somebody else (a transfer). Commands are not
under these rules, as whoever can run one holds the database, nor are API keys, whose scopes an
administrator granted beforehand.
"""

from functools import cache

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from balances.money import InvalidAmount, UnknownCurrency, parse_amount
from transactions.enums import TransactionType
from transactions.instructions import Instruction, Order, Reversal, Settlement, StatusChange

NO_AMOUNT = {"0", "0.0", "0.00", "0.000"}


def needs_approval(order: Order, original: tuple[str, int | None] | None = None) -> bool:
    """Whether this may not be done without a second person. `original` is of a reversal: the type
    of the transaction, and the id of the user who received it."""
    if not order.actor.is_person or order.approved is not None:
        return False
    match order:
        case Settlement():
            return False
        case StatusChange():
            return True
        case Reversal():
            gives_back = original == (TransactionType.TRANSFER, order.actor.user_id)
            return order.allow_overdraft or not gives_back
        case Instruction():
            return _movement_needs_approval(order)


def _movement_needs_approval(order: Instruction) -> bool:
    match order.type:
        case TransactionType.ADJUSTMENT | TransactionType.REVERSAL:
            return True
        case TransactionType.WITHDRAWAL | TransactionType.TRANSFER:
            if order.source == order.actor.user_id:
                return False
            limit = withdrawals_above().get(order.currency)
            return limit is None or order.amount > limit
        case _:
            return False


def withdrawals_above() -> dict[str, int]:
    """Up to which amount one person may withdraw or transfer for somebody else, in minor units by
    currency; in a currency that is not here, nothing."""
    return parse_withdrawals_above(tuple(settings.APPROVAL_WITHDRAWALS_ABOVE))


@cache
def parse_withdrawals_above(items: tuple[str, ...]) -> dict[str, int]:
    """`("USD:10000.00",)` as `{"USD": 1000000}`. Raises ImproperlyConfigured."""
    limits: dict[str, int] = {}
    for item in items:
        currency, _, amount = (part.strip() for part in item.partition(":"))
        try:
            minor = 0 if amount in NO_AMOUNT else parse_amount(amount, currency)
        except (InvalidAmount, UnknownCurrency) as error:
            raise ImproperlyConfigured(
                f"APPROVAL_WITHDRAWALS_ABOVE holds {item!r}: {error.detail}"
            ) from error
        if currency in limits:
            raise ImproperlyConfigured(f"APPROVAL_WITHDRAWALS_ABOVE names {currency} twice.")
        limits[currency] = minor
    return limits
