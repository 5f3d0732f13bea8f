"""Amounts and currencies in request bodies and query strings."""

from typing import Any

from django.conf import settings
from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from balances.money import (
    MAX_DIGITS,
    InvalidAmount,
    UnknownCurrency,
    exponent_of,
    parse_amount,
)
from ledgerlink.parsers import NumberText
from ledgerlink.serializers import TextField


class AmountField(serializers.Field[str, Any, str, Any]):
    """A plain decimal as text; whether it suits its currency is for `amount_in` to say."""

    default_error_messages = {"invalid_amount": 'Write the amount as a decimal, such as "100.50".'}

    def to_internal_value(self, data: Any) -> str:
        if type(data) is int:
            return str(data)
        if type(data) not in {str, NumberText}:
            self.fail("invalid_amount")
        return str(data)

    def to_representation(self, value: str) -> str:
        return value


class CurrencyField(TextField):
    """An ISO 4217 code (or one of EXTRA_CURRENCIES) in capitals; DEFAULT_CURRENCY when left out."""

    def __init__(self, **kwargs: Any) -> None:
        kwargs.setdefault("default", settings.DEFAULT_CURRENCY)
        super().__init__(max_length=8, **kwargs)

    def to_internal_value(self, data: Any) -> str:
        code = super().to_internal_value(data)
        try:
            exponent_of(code)
        except UnknownCurrency as error:
            raise serializers.ValidationError(error.detail, code=error.code) from error
        return code


def least_in(currency: str, text: str, field: str) -> int:
    """Like `amount_in`, but zero is fine: a minimum, not a movement."""
    zero = not text.strip("0.") and text.count(".") <= 1 and text[:1] == "0"
    return 0 if zero and len(text) <= MAX_DIGITS else amount_in(currency, text, field)


def amount_in(currency: str, text: str, field: str = "amount") -> int:
    """`text` as minor units of `currency`; a ValidationError of `field` when it can't be."""
    try:
        return parse_amount(text, currency)
    except InvalidAmount as error:
        raise serializers.ValidationError(
            {field: [ErrorDetail(error.detail, code=error.code)]}
        ) from error
