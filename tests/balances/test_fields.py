"""Amounts and currencies as they come in: text that is looked at before it is a number."""

from typing import Any

import pytest
from rest_framework.serializers import ValidationError

from balances.fields import AmountField, CurrencyField, amount_in, least_in
from ledgerlink.parsers import NumberText


def codes(error: pytest.ExceptionInfo[ValidationError]) -> Any:
    return error.value.get_codes()


@pytest.mark.parametrize(
    ("sent", "text"), [("100.50", "100.50"), (5, "5"), (NumberText("1.50"), "1.50"), ("x", "x")]
)
def test_amount_stays_the_text_that_was_sent(sent: object, text: str) -> None:
    read = AmountField().run_validation(sent)
    assert (read, type(read)) == (text, str)


@pytest.mark.parametrize("sent", [True, 1.5, [], {}, b"1"], ids=repr)
def test_what_is_no_number_is_no_amount(sent: object) -> None:
    with pytest.raises(ValidationError) as refused:
        AmountField().run_validation(sent)
    assert codes(refused) == ["invalid_amount"]


def test_amount_is_refused_under_the_name_of_its_field() -> None:
    assert amount_in("USD", "0.01") == 1
    with pytest.raises(ValidationError) as refused:
        amount_in("USD", "0.001")
    assert codes(refused) == {"amount": ["too_many_decimals"]}


@pytest.mark.parametrize(
    ("text", "minor"), [("0", 0), ("0.00", 0), ("0." + "0" * 16, 0), ("0.5", 50), ("10", 1_000)]
)
def test_least_may_be_zero(text: str, minor: int) -> None:
    assert least_in("USD", text, "min_balance_after") == minor


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (".", "invalid_amount"),
        (".0", "invalid_amount"),
        ("0.0.0", "invalid_amount"),
        ("X", "invalid_amount"),
        ("-1", "amount_not_positive"),
        ("0." + "0" * 17, "too_many_decimals"),
    ],
)
def test_least_that_is_no_amount_is_refused(text: str, code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        least_in("USD", text, "min_balance_after")
    assert codes(refused) == {"min_balance_after": [code]}


def test_currency_left_out_is_the_usual_one_unless_told_otherwise() -> None:
    assert CurrencyField().get_default() == "USD"
    assert CurrencyField(default=None).get_default() is None


@pytest.mark.parametrize(("sent", "code"), [("usd", "unknown_currency"), (7, "not_text")])
def test_currency_that_is_none_is_refused(sent: object, code: str) -> None:
    with pytest.raises(ValidationError) as refused:
        CurrencyField().run_validation(sent)
    assert codes(refused) == [code]
    assert "None" not in str(refused.value.detail)
