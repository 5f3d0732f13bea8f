"""Amounts: what is understood, what is refused, and that nothing is ever rounded."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from balances.currencies import currencies
from balances.money import (
    MAX_AMOUNT,
    AmountNotPositive,
    AmountTooLarge,
    InvalidAmount,
    TooManyDecimals,
    UnknownCurrency,
    exact,
    format_amount,
    grouped,
    parse_amount,
)


@pytest.mark.parametrize(
    ("text", "currency", "minor"),
    [
        ("100.50", "USD", 10_050),
        ("100.5", "USD", 10_050),
        ("100", "USD", 10_000),
        ("0.01", "USD", 1),
        ("1", "JPY", 1),
        ("1.234", "BHD", 1_234),
        ("0.0001", "CLF", 1),
        ("9999999999999999.99", "USD", MAX_AMOUNT),
        ("999999999999999999", "JPY", MAX_AMOUNT),
    ],
)
def test_amount_is_read_to_the_last_unit(text: str, currency: str, minor: int) -> None:
    assert parse_amount(text, currency) == minor


@pytest.mark.parametrize(
    ("text", "currency", "refusal"),
    [
        ("0", "USD", AmountNotPositive),
        ("0.00", "USD", AmountNotPositive),
        ("-1", "USD", AmountNotPositive),
        ("-0.01", "USD", AmountNotPositive),
        ("0.001", "USD", TooManyDecimals),
        ("0.000000005", "USD", TooManyDecimals),
        ("1.0", "JPY", TooManyDecimals),
        ("100.500", "USD", TooManyDecimals),
        ("10000000000000000.00", "USD", AmountTooLarge),
        ("10000000000000000", "USD", AmountTooLarge),
        ("1000000000000000000", "JPY", AmountTooLarge),
        ("9" * 19, "USD", AmountTooLarge),
        ("0." + "0" * 17, "USD", TooManyDecimals),
        ("0." + "0" * 18, "USD", AmountTooLarge),
        ("9" * 1_000_000, "USD", AmountTooLarge),
    ],
)
def test_amount_out_of_range_is_refused_as_what_it_is(
    text: str, currency: str, refusal: type[InvalidAmount]
) -> None:
    with pytest.raises(InvalidAmount) as refused:
        parse_amount(text, currency)
    assert type(refused.value) is refusal


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            " ",
            "1 ",
            " 1",
            "1\n",
            "\t1",
            "1\x00",
            "+1",
            "--1",
            "-",
            ".",
            "1.",
            ".5",
            "01",
            "00",
        ),
        *(
            "1e3",
            "1E3",
            "1e5000000",
            "1e-2",
            "NaN",
            "Infinity",
            "-Infinity",
            "inf",
            "0x10",
            "1_000",
        ),
        *(
            "1,50",
            "1.5.0",
            "1'000",
            "$1",
            "1 USD",
            "\u0661",
            "\uff11",
            "\u00bd",
            "1\u200b",
            "null",
            "true",
        ),
    ],
)
def test_text_that_is_no_plain_decimal_is_refused(text: str) -> None:
    with pytest.raises(InvalidAmount) as refused:
        parse_amount(text, "USD")
    assert type(refused.value) is InvalidAmount
    assert refused.value.status == 400


@pytest.mark.parametrize("currency", ["usd", "Usd", "XXX", "US", "", "USD ", "BTC", "XAU"])
def test_unknown_currency_is_refused(currency: str) -> None:
    with pytest.raises(UnknownCurrency):
        parse_amount("1", currency)


@pytest.mark.parametrize("text", ["1e5000000", "9" * 1_000_000, "1" + "." * 1_000_000, "-" * 10**6])
def test_monstrous_text_is_refused_at_once(text: str) -> None:
    started = time.thread_time()
    for _ in range(100):
        with pytest.raises(InvalidAmount):
            parse_amount(text, "USD")
    assert (time.thread_time() - started) / 100 < 0.001


@pytest.mark.parametrize(
    ("minor", "currency", "text"),
    [
        (10_050, "USD", "100.50"),
        (-10_050, "USD", "-100.50"),
        (-1, "USD", "-0.01"),
        (0, "USD", "0.00"),
        (-5, "JPY", "-5"),
        (1, "BHD", "0.001"),
        (2**63 - 1, "USD", "92233720368547758.07"),
        (-(2**63), "JPY", "-9223372036854775808"),
        (1_234, "GONE", "1234"),
    ],
)
def test_amount_is_shown_with_the_currencys_decimals(minor: int, currency: str, text: str) -> None:
    assert format_amount(minor, currency) == text


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [(-10_050, "USD", "-100.50"), (2**63 - 1, "BHD", "9223372036854775.807"), (7, "JPY", "7")],
)
def test_exact_amount_keeps_all_decimals_of_its_currency(
    minor: int, currency: str, shown: str
) -> None:
    assert str(exact(minor, currency)) == shown


@pytest.mark.parametrize(
    ("minor", "currency", "shown"),
    [
        (-123_456_789, "USD", "-1,234,567.89"),
        (-1, "USD", "-0.01"),
        (0, "USD", "0.00"),
        (1_000, "JPY", "1,000"),
    ],
)
def test_amount_is_grouped_by_thousands(minor: int, currency: str, shown: str) -> None:
    assert grouped(minor, currency) == shown


@given(st.integers(1, MAX_AMOUNT), st.sampled_from(sorted(currencies())))
def test_amount_survives_the_way_out_and_in(minor: int, currency: str) -> None:
    assert parse_amount(format_amount(minor, currency), currency) == minor


@given(st.text(alphabet="0123456789.-+eE ,_", max_size=25))
def test_whatever_is_understood_is_exact(text: str) -> None:
    try:
        minor = parse_amount(text, "USD")
    except InvalidAmount:
        return
    whole, _, decimals = text.partition(".")
    assert minor == int(whole) * 100 + int((decimals + "00")[:2])
    assert len(decimals) <= 2
