"""Amounts as people type them: each is understood as the one thing it can mean, or refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balances.money import MAX_AMOUNT, InvalidAmount, TooManyDecimals, format_amount, grouped
from balances.typed_amounts import read_typed_amount


@pytest.mark.parametrize(
    ("typed", "currency", "minor"),
    [
        ("1234.50", "USD", 123_450),
        ("1,234.50", "USD", 123_450),
        ("1 234.50", "USD", 123_450),
        ("1\u00a0234.50", "USD", 123_450),
        ("1\u202f234.50", "USD", 123_450),
        ("1'234.50", "USD", 123_450),
        ("1\u2019234.50", "USD", 123_450),
        ("  1,234.50\t", "USD", 123_450),
        ("1,234", "USD", 123_400),
        ("1,234", "BHD", 1_234_000),
        ("1.234", "BHD", 1_234),
        ("1,234,567", "JPY", 1_234_567),
        ("12 345 678.9", "USD", 1_234_567_890),
        ("100", "USD", 10_000),
        ("100.5", "USD", 10_050),
        (".50", "USD", 50),
        ("0.01", "USD", 1),
        ("$1,234.50", "USD", 123_450),
        ("$ 5", "CAD", 500),
        ("5€", "EUR", 500),
        ("£12.00", "GBP", 1_200),
        ("USD 1,234.50", "USD", 123_450),
        ("1,234.50 usd", "USD", 123_450),
        ("$5 USD", "USD", 500),
        ("9,999,999,999,999,999.99 USD", "USD", MAX_AMOUNT),
        ("1" + " " * 36 + "USD", "USD", 100),
    ],
)
def test_typed_amount_is_understood(typed: str, currency: str, minor: int) -> None:
    assert read_typed_amount(typed, currency) == minor


@pytest.mark.parametrize(
    ("typed", "currency", "code", "said"),
    [
        ("", "USD", "invalid_amount", "is missing"),
        ("   ", "USD", "invalid_amount", "is missing"),
        ("1.234,50", "USD", "invalid_amount", "a comma after the point"),
        ("1 234,50", "USD", "invalid_amount", "mixes"),
        ("1234,50", "USD", "invalid_amount", "type a point: 1234.50"),
        ("12,34", "USD", "invalid_amount", "type a point: 12.34"),
        ("0,500", "USD", "invalid_amount", "type a point: 0.500"),
        ("1,2345", "USD", "invalid_amount", "type a point"),
        ("1.234", "USD", "too_many_decimals", "type 1,234 or 1234."),
        ("1.234.567", "USD", "invalid_amount", "“1.234.567” has more than one point"),
        ("1,234.567", "USD", "too_many_decimals", "USD has 2 decimals"),
        ("1,23,456.00", "USD", "invalid_amount", "groups of three"),
        ("12,34,567", "USD", "invalid_amount", "groups of three"),
        ("1 23", "USD", "invalid_amount", "groups of three"),
        ("1  234", "USD", "invalid_amount", "groups of three"),
        ("1,,234", "USD", "invalid_amount", "groups of three"),
        (",5", "USD", "invalid_amount", "is not an amount"),
        ("1,234.5 0", "USD", "invalid_amount", "between its decimals"),
        ("1,234'567", "USD", "invalid_amount", "mixes"),
        ("100.", "USD", "invalid_amount", "Nothing follows the point"),
        (".", "USD", "invalid_amount", "Nothing follows the point"),
        ("1.50", "JPY", "too_many_decimals", "JPY has 0 decimals"),
        ("007", "USD", "invalid_amount", "begins with a zero"),
        ("05", "USD", "invalid_amount", "“05” begins with a zero"),
        ("0", "USD", "amount_not_positive", "more than zero"),
        ("0.00", "USD", "amount_not_positive", "more than zero"),
        ("-5", "USD", "amount_not_positive", "without a minus"),
        ("\u22125", "USD", "amount_not_positive", "without a minus"),
        ("$-5", "USD", "amount_not_positive", "without a minus"),
        ("5-", "USD", "amount_not_positive", "without a minus"),
        ("(5.00)", "USD", "amount_not_positive", "without a minus"),
        ("($5.00)", "USD", "amount_not_positive", "without a minus"),
        ("(5.00 USD)", "USD", "amount_not_positive", "without a minus"),
        ("(5", "USD", "invalid_amount", "“(” is not understood"),
        ("5)", "USD", "invalid_amount", "“)” is not understood"),
        ("1" + " " * 37 + "USD", "USD", "amount_too_large", "at most 18 digits"),
        ("+5", "USD", "invalid_amount", "“+” is not understood"),
        ("€5", "USD", "currency_mismatch", "in €, but the balance is in USD"),
        ("5 EUR", "USD", "currency_mismatch", "in EUR, but the balance is in USD"),
        ("$5", "EUR", "currency_mismatch", "in $, but the balance is in EUR"),
        ("$5 CAD", "USD", "currency_mismatch", "in CAD, but the balance is in USD"),
        ("5k", "USD", "invalid_amount", "“k” is not understood"),
        ("1e3", "USD", "invalid_amount", "is not an amount"),
        ("0x10", "USD", "invalid_amount", "is not an amount"),
        ("five", "USD", "invalid_amount", "is not an amount"),
        ("NaN", "USD", "invalid_amount", "is not an amount"),
        ("5<script>", "USD", "invalid_amount", "is not understood"),
        ("\uff15", "USD", "invalid_amount", "digits 0 to 9"),
        ("\u0665", "USD", "invalid_amount", "digits 0 to 9"),
        ("5²", "USD", "invalid_amount", "digits 0 to 9"),
        ("1\n2", "USD", "invalid_amount", "is not an amount"),
        ("12,345,678,901,234,567.00", "USD", "amount_too_large", "at most 18 digits"),
        ("1" * 100_000, "USD", "amount_too_large", "at most 18 digits"),
        ("5", "XXX", "unknown_currency", "ISO 4217"),
    ],
)
def test_typed_amount_is_refused_in_plain_words(
    typed: str, currency: str, code: str, said: str
) -> None:
    with pytest.raises(Exception) as refused:  # noqa: PT011 - its code is looked at below
        read_typed_amount(typed, currency)
    assert (getattr(refused.value, "code", None), said in str(refused.value)) == (code, True)


@pytest.mark.parametrize("typed", ["1.2345", "1,234.567", ".123"])
def test_what_can_be_no_thousands_is_not_taken_for_some(typed: str) -> None:
    with pytest.raises(TooManyDecimals) as refused:
        read_typed_amount(typed, "USD")
    assert "thousands" not in str(refused.value)


@pytest.mark.parametrize(
    ("typed", "minor"), [("0", 0), ("$0.00", 0), ("0.5", 50), ("1,000", 100_000)]
)
def test_zero_is_understood_where_it_may_be(typed: str, minor: int | None) -> None:
    if minor is None:
        with pytest.raises(InvalidAmount):
            read_typed_amount(typed, "USD", may_be_zero=True)
    else:
        assert read_typed_amount(typed, "USD", may_be_zero=True) == minor


@given(st.integers(1, MAX_AMOUNT), st.sampled_from(["USD", "JPY", "BHD"]))
def test_what_is_shown_can_be_typed(minor: int, currency: str) -> None:
    for shown in (grouped(minor, currency), format_amount(minor, currency)):
        assert read_typed_amount(f"{shown} {currency}", currency) == minor


@given(st.text("0123456789., '-$€k", max_size=12))
def test_nothing_typed_is_guessed(typed: str) -> None:
    """What is understood has the digits that were typed, cut where the only point was."""
    try:
        minor = read_typed_amount(typed, "USD")
    except InvalidAmount:
        return
    assert typed.count(".") <= 1
    whole, _, decimals = "".join(c for c in typed if c in "0123456789.").partition(".")
    assert minor == int((whole or "0") + decimals.ljust(2, "0"))
