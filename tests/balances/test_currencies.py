"""The table of currencies, and what operators may add to it."""

import re

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from balances.checks import check_currencies_in_use
from balances.currencies import ISO_4217, currencies, parse_extra_currencies
from balances.enums import House
from balances.models import Balance
from balances.money import format_amount, parse_amount


@pytest.mark.parametrize(
    ("code", "exponent"),
    [
        ("USD", 2),
        ("EUR", 2),
        ("JPY", 0),
        ("KRW", 0),
        ("BHD", 3),
        ("KWD", 3),
        ("CLF", 4),
        ("ISK", 0),
    ],
)
def test_iso_currencies_have_their_decimals(code: str, exponent: int) -> None:
    assert ISO_4217[code] == exponent


def test_codes_are_three_capitals() -> None:
    assert [code for code in ISO_4217 if not re.fullmatch("[A-Z]{3}", code)] == []
    assert len(ISO_4217) > 150


def test_extra_currency_is_used_like_any_other(settings: Settings) -> None:
    settings.EXTRA_CURRENCIES = ["BTC:8", " USDT:6 "]
    currencies.cache_clear()
    try:
        assert parse_amount("0.00000001", "BTC") == 1
        assert format_amount(2_100_000_000_000_000, "BTC") == "21000000.00000000"
        assert parse_amount("1.000001", "USDT") == 1_000_001
    finally:
        currencies.cache_clear()


@pytest.mark.parametrize("item", ["UGX:2", "USD:4", "USD:2"])
def test_extra_currency_may_not_be_one_of_iso(item: str) -> None:
    """Amounts that are in the books already would change their value."""
    with pytest.raises(ImproperlyConfigured, match=item):
        parse_extra_currencies([item])


def test_currency_in_use_that_is_not_configured_is_found(db: None) -> None:
    Balance.objects.create(house=House.FEES, currency="BTC")
    found = check_currencies_in_use(databases=["default"])
    assert [(check.id, check.msg) for check in found] == [
        ("balances.E003", "There are balances in BTC, which is not configured.")
    ]


@pytest.mark.parametrize(("item", "code"), [("ABC:0", "ABC"), ("BITCOIN8:8", "BITCOIN8")])
def test_code_of_an_extra_currency_has_three_to_eight_characters(item: str, code: str) -> None:
    assert parse_extra_currencies([item]) == {code: int(item[-1])}


@pytest.mark.parametrize(
    "item",
    [
        "BTC",
        "BTC:",
        ":8",
        "BTC:9",
        "BTC:-1",
        "BTC:x",
        "btc:8",
        "BT:8",
        "BITCOINXX:8",
        "B C:8",
        "",
        "BTC:8:1",
        "BTC:²",
    ],
)
def test_extra_currency_that_cannot_be_understood_is_named(item: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=re.escape(repr(item))):
        parse_extra_currencies([item])
