"""Amounts: integers of minor units inside, plain decimal strings outside. Never a float."""

import re
from decimal import Decimal

from balances.currencies import currencies
from ledgerlink.errors import InvalidInput

MAX_DIGITS = 18
MAX_AMOUNT = 10**MAX_DIGITS - 1  # minor units; one movement
MAX_BALANCE = 2**63 - 1  # minor units; what a BIGINT holds

_AMOUNT = re.compile(r"(0|[1-9][0-9]{0,18})(?:\.([0-9]{1,17}))?")


class InvalidAmount(InvalidInput):
    code = "invalid_amount"
    title = "The amount can't be used"


class TooManyDecimals(InvalidAmount):
    code = "too_many_decimals"
    title = "The amount has more decimals than its currency"


class AmountTooLarge(InvalidAmount):
    code = "amount_too_large"
    title = "The amount has too many digits"


class AmountNotPositive(InvalidAmount):
    code = "amount_not_positive"
    title = "The amount must be more than zero"


class UnknownCurrency(InvalidInput):
    code = "unknown_currency"
    title = "The currency is not known"


def exponent_of(currency: str) -> int:
    """The number of decimals of `currency`. Raises UnknownCurrency."""
    try:
        return currencies()[currency]
    except KeyError:
        raise UnknownCurrency("Give an ISO 4217 code in capitals, such as USD.") from None


def parse_amount(text: str, currency: str) -> int:
    """The minor units of a positive plain decimal such as `"100.50"`.

    Nothing is rounded and no number is made before the text has been checked. Raises
    UnknownCurrency or a kind of InvalidAmount.
    """
    exponent = exponent_of(currency)
    if len(text) > MAX_DIGITS + 1:
        raise AmountTooLarge(f"An amount has at most {MAX_DIGITS} digits.")
    match = _AMOUNT.fullmatch(text)
    if match is None:
        if text.startswith("-") and _AMOUNT.fullmatch(text[1:]):
            raise AmountNotPositive("The amount must be more than zero.")
        raise InvalidAmount('Write the amount as a plain decimal, such as "100.50".')
    whole, decimals = match[1], match[2] or ""
    if len(decimals) > exponent:
        raise TooManyDecimals(
            f"{currency} has {exponent} decimals; the amount has {len(decimals)}."
        )
    minor = int(whole + decimals.ljust(exponent, "0"))
    if minor > MAX_AMOUNT:
        raise AmountTooLarge(f"An amount has at most {MAX_DIGITS} digits.")
    if minor == 0:
        raise AmountNotPositive("The amount must be more than zero.")
    return minor


def format_amount(minor: int, currency: str) -> str:
    """`-10050` USD as `"-100.50"`; a currency that is no longer configured shows minor units."""
    exponent = currencies().get(currency, 0)
    sign = "-" if minor < 0 else ""
    digits = str(abs(minor))
    if exponent == 0:
        return sign + digits
    digits = digits.rjust(exponent + 1, "0")
    return f"{sign}{digits[:-exponent]}.{digits[-exponent:]}"


def exact(minor: int, currency: str) -> Decimal:
    """`-10050` USD as -100.50, with all decimals of the currency."""
    return Decimal(format_amount(minor, currency))


def grouped(minor: int, currency: str) -> str:
    """`-1234567` USD as `-12,345.67`, the way people read it."""
    whole, point, decimals = format_amount(minor, currency).partition(".")
    return f"{'-' if minor < 0 else ''}{abs(int(whole)):,}{point}{decimals}"


def money(minor: int, currency: str) -> str:
    """`123450` USD as `1,234.50 USD`."""
    return f"{grouped(minor, currency)} {currency}"
