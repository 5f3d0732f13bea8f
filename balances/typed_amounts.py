"""Amounts as people type them: understood, or refused in plain words, never guessed.

The point stands before the decimals. Commas, spaces or apostrophes stand between groups of three
digits, one kind in one amount. A currency may be named, by its code or sign, if it is the one that
is meant.
"""

import re

from balances.currencies import currencies
from balances.money import (
    MAX_DIGITS,
    AmountNotPositive,
    AmountTooLarge,
    InvalidAmount,
    TooManyDecimals,
    exponent_of,
    parse_amount,
)

_EXAMPLES = "Type it as 1234.50 or 1,234.50."
_LONGEST = 40  # 18 digits with separators, a currency and spaces
_SAME = str.maketrans(
    {"\u00a0": " ", "\u2007": " ", "\u2009": " ", "\u202f": " ", "\t": " "}
    | {"\u2019": "'", "\u2212": "-", "\u2010": "-", "\u2011": "-"}
)
_PARTS = re.compile(r"([^0-9.,']*)([0-9][0-9.,' ]*|\.[0-9., ']*)([^0-9.,']*)")
_DOLLARS = "AUD BBD BMD BND BSD BZD CAD FJD GYD HKD JMD KYD LRD NAD NZD SBD SGD SRD TTD TWD USD XCD"
_PESOS = "ARS CLP COP CUP DOP MXN UYU"
_SIGNS: dict[str, frozenset[str]] = {
    sign: frozenset(codes.split())
    for sign, codes in {
        "$": f"{_DOLLARS} {_PESOS}",
        "€": "EUR",
        "£": "GBP EGP FKP GIP SHP",
        "¥": "JPY CNY",
        "₹": "INR",
        "₩": "KRW KPW",
        "₺": "TRY",
        "₽": "RUB",
        "₴": "UAH",
        "₪": "ILS",
        "₦": "NGN",
        "฿": "THB",
        "₫": "VND",
        "₱": "PHP",
        "₿": "BTC",
    }.items()
}


class OtherCurrency(InvalidAmount):
    code = "currency_mismatch"
    title = "The amount names another currency"


def read_typed_amount(typed: str, currency: str, *, may_be_zero: bool = False) -> int:
    """The minor units of a positive amount such as `1,234.50`, `1 234.50` or `$1234.5`.

    Raises UnknownCurrency or a kind of InvalidAmount, whose detail tells how to type it.
    """
    exponent_of(currency)
    text = typed.translate(_SAME).strip()
    if len(text) > _LONGEST:
        raise AmountTooLarge(f"An amount has at most {MAX_DIGITS} digits.")
    number = _without_currency(text, currency)
    whole, point, decimals = number.partition(".")
    if point:
        _check_decimals(number, decimals)
    digits = _without_separators(whole, alone=not point)
    if len(digits) > 1 and digits.startswith("0"):
        raise InvalidAmount(f"“{number}” begins with a zero. {_EXAMPLES}")
    if may_be_zero and not (digits + decimals).strip("0"):
        return 0
    try:
        return parse_amount(f"{digits or '0'}{point}{decimals}", currency)
    except TooManyDecimals as error:
        if len(decimals) == 3 and digits == whole != "":
            hint = f"For thousands, type {whole},{decimals} or {whole}{decimals}."
            raise TooManyDecimals(f"{error.detail} {hint}") from error
        raise


def _without_currency(text: str, currency: str) -> str:
    if not text:
        raise InvalidAmount(f"The amount is missing. {_EXAMPLES}")
    if any(character.isdigit() and not character.isascii() for character in text):
        raise InvalidAmount(f"Use the digits 0 to 9. {_EXAMPLES}")
    match = _PARTS.fullmatch(text)
    if match is None:
        raise InvalidAmount(f"“{text}” is not an amount. {_EXAMPLES}")
    before, number, after = (part.strip() for part in match.groups())
    if (before[:1], after[-1:]) == ("(", ")") or "-" in before + after:
        raise AmountNotPositive("The amount must be more than zero: type it without a minus.")
    for named in (before, after):
        _check_currency(named, currency)
    return number


def _check_currency(named: str, currency: str) -> None:
    meant = _SIGNS.get(named, {named.upper()})
    if not named or currency in meant:
        return
    if meant & currencies().keys():
        raise OtherCurrency(f"The amount is in {named}, but the balance is in {currency}.")
    raise InvalidAmount(f"“{named}” is not understood. {_EXAMPLES}")


def _check_decimals(number: str, decimals: str) -> None:
    if not decimals:
        raise InvalidAmount(f"Nothing follows the point. {_EXAMPLES}")
    if "." in decimals:
        raise InvalidAmount(f"“{number}” has more than one point. {_EXAMPLES}")
    if "," in decimals:
        raise InvalidAmount(
            f"“{number}” has a comma after the point. Here the point stands before the decimals. "
            f"{_EXAMPLES}"
        )
    if not decimals.isdigit():
        raise InvalidAmount(f"“{number}” has something between its decimals. {_EXAMPLES}")


def _without_separators(whole: str, *, alone: bool) -> str:
    """The digits before the point; `alone` when there is no point."""
    separators = set(whole) - set("0123456789")
    if not separators:
        return whole
    if len(separators) > 1:
        raise InvalidAmount(f"“{whole}” mixes ways to part thousands. {_EXAMPLES}")
    (separator,) = separators
    if re.fullmatch(rf"[1-9][0-9]{{0,2}}(?:{separator}[0-9]{{3}})+", whole):
        return whole.replace(separator, "")
    if alone and separator == "," and whole.count(",") == 1:
        raise InvalidAmount(
            f"In “{whole}” the comma does not part thousands. If decimals follow it, type a point: "
            f"{whole.replace(',', '.')}"
        )
    raise InvalidAmount(f"The digits of “{whole}” are not in groups of three. {_EXAMPLES}")
