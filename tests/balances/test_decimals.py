"""The decimals of a currency in the books outlive what EXTRA_CURRENCIES says about it."""

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module

import pytest
from django.apps import apps
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from pytest_django import Settings

from balances.checks import check_decimals
from balances.currencies import currencies
from balances.decimals import forget_proved
from balances.enums import House
from balances.errors import CurrencyRedefined
from balances.models import Balance, Currency
from bench.servers.process import free_port
from ledgerlink.checks import refuse_bad_settings
from tests.api.client import Api, body_of
from tests.books import (
    amount_of,
    assert_books_are_sound,
    cancel,
    deposit,
    fund,
    hold,
    instruction,
    post_one,
    transfer,
)
from tests.concurrency import at_once
from transactions.batches import post_units
from transactions.enums import TransactionType
from transactions.instructions import Outcome, Unit, UnitOutcome
from users.models import User

Configure = Callable[..., None]


@pytest.fixture
def configured(settings: Settings) -> Iterator[Configure]:
    """Starts this process anew, so to say, with other EXTRA_CURRENCIES."""

    def start_with(*extra: str) -> None:
        settings.EXTRA_CURRENCIES = list(extra)
        currencies.cache_clear()
        forget_proved()

    yield start_with
    currencies.cache_clear()


def decimals() -> dict[str, int]:
    return dict(Currency.objects.values_list("code", "exponent"))


@pytest.mark.django_db(transaction=True)
def test_decimals_are_kept_with_the_first_balance(alice: User, configured: Configure) -> None:
    configured("BTC:8")
    assert decimals() == {}
    fund(alice, "0.00000001", "BTC")
    assert decimals() == {"BTC": 8}
    fund(alice, "1.00", "BTC")
    fund(alice, "1", "JPY")
    assert decimals() == {"BTC": 8, "JPY": 0}


@pytest.mark.django_db(transaction=True)
def test_decimals_are_not_kept_by_what_is_rolled_back(alice: User, configured: Configure) -> None:
    configured("BTC:8")
    bad = deposit(alice, "1.00", "BTC", metadata={"x": object()})
    assert isinstance(post_units([Unit([bad])])[0], TypeError)
    assert decimals() == {}
    configured("BTC:6")
    fund(alice, "1.00", "BTC")
    assert decimals() == {"BTC": 6}


@pytest.mark.django_db(transaction=True)
def test_decimals_are_kept_once_by_two_who_are_the_first(alice: User, bob: User) -> None:
    """They meet at no balance."""
    given = partial(instruction, TransactionType.ADJUSTMENT, House.ADJUSTMENTS, bob, "1")
    for currency in ("EUR", "GBP", "JPY", "BHD", "CHF", "SEK"):
        asked = [deposit(alice, "1", currency), given(currency)]
        outcomes: list[Outcome | Exception] = at_once([partial(post_one, one) for one in asked])
        for outcome in outcomes:
            assert isinstance(outcome, Outcome)
            assert outcome.error is None
    assert decimals() == {"EUR": 2, "GBP": 2, "JPY": 0, "BHD": 3, "CHF": 2, "SEK": 2}
    assert_books_are_sound()


@pytest.mark.django_db(transaction=True)
def test_nothing_is_moved_in_a_currency_whose_decimals_were_changed(
    alice: User, bob: User, configured: Configure
) -> None:
    configured("BTC:8")
    fund(alice, "1.00", "BTC")
    fund(alice, "5.00")
    configured("BTC:6")
    asked = [transfer(alice, bob, "1.00", "BTC"), transfer(alice, bob, "2.00")]
    refused, posted = post_units([Unit([one]) for one in asked])
    assert isinstance(refused, CurrencyRedefined)
    assert refused.detail.startswith("BTC has 8 decimals in the books and 6 in the settings.")
    assert isinstance(posted, UnitOutcome)
    assert (amount_of(alice, "BTC"), amount_of(bob)) == (100_000_000, 200)
    configured("BTC:8")
    assert post_one(transfer(alice, bob, "1.00", "BTC")).error is None
    assert_books_are_sound()


def test_migration_keeps_the_decimals_of_the_currencies_in_use(db: None) -> None:
    for code in ("JPY", "USD", "BTC"):  # the last is not configured
        Balance.objects.create(house=House.FEES, currency=code)
    migration = import_module("balances.migrations.0006_currencies")
    migration.keep_decimals_in_use(apps, None)
    assert decimals() == {"JPY": 0, "USD": 2}


def test_changed_decimals_are_found_by_the_system_check(alice: User, configured: Configure) -> None:
    configured("BTC:8")
    fund(alice, "1.00", "BTC")
    assert check_decimals(databases=["default"]) == []
    configured("BTC:6")
    (found,) = check_decimals(databases=["default"])
    assert (found.id, found.hint) == (
        "balances.E004",
        "Put BTC:8 back into EXTRA_CURRENCIES.",
    )
    configured()
    assert check_decimals(databases=["default"]) == []  # nothing contradicts them


def test_server_with_changed_decimals_is_not_ready(alice: User, configured: Configure) -> None:
    configured("BTC:8")
    fund(alice, "1.00", "BTC")
    configured("BTC:6")
    response = Api().get("/health/ready")
    assert response.status_code == 503
    assert body_of(response)["checks"]["settings"] == "contradicted"


@pytest.mark.django_db(transaction=True)
def test_server_does_not_start_with_changed_decimals(
    alice: User, configured: Configure, monkeypatch: pytest.MonkeyPatch
) -> None:
    configured("BTC:8")
    fund(alice, "1.00", "BTC")
    configured("BTC:6")
    with pytest.raises(ImproperlyConfigured, match="BTC has 8 decimals in the books and 6"):
        refuse_bad_settings()
    if connection.vendor == "mysql":
        connection.close()
        monkeypatch.setitem(connection.settings_dict, "PORT", str(free_port()))
        refuse_bad_settings()  # the database may come later; readiness looks again


def test_what_is_held_in_a_currency_that_is_no_longer_configured_can_be_let_go(
    alice: User, bob: User, configured: Configure
) -> None:
    configured("BTC:8")
    fund(alice, "1.00", "BTC")
    held = hold(alice, bob, "0.50", "BTC")
    configured()
    assert post_one(cancel(held)).error is None
    assert_books_are_sound()
