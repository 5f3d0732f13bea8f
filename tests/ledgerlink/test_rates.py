"""Rates as the environment says them."""

import re

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from ledgerlink.checks import check_rate_limits
from ledgerlink.rates import Rate, Rates, rates, rates_by_limit
from users.roles import Role


def read(given: str) -> Rates:
    return rates("RATELIMIT_OF_A_TEST", given)


@pytest.mark.parametrize(
    ("given", "count", "seconds"),
    [
        ("5/m", 5, 60),
        ("1/s", 1, 1),
        ("20/h", 20, 3600),
        ("1000/d", 1000, 86_400),
        ("100/15m", 100, 900),
        (" 5/m ", 5, 60),
    ],
)
def test_rate_is_read(given: str, count: int, seconds: int) -> None:
    assert read(given) == Rates(Rate(count, seconds), {})


def test_none_is_no_limit() -> None:
    assert read("none").of("user") is None
    assert read("10/m, admin:none").of("admin") is None


def test_role_may_have_a_rate_of_its_own() -> None:
    given = read("10/m, finance:600/m, admin: 100/s")
    assert given.of("finance") == Rate(600, 60)
    assert given.of("admin") == Rate(100, 1)
    assert given.of("user") == given.of(None) == Rate(10, 60)


@pytest.mark.parametrize(
    "given",
    [
        *("", "5", "m", "0/m", "-1/m", "5/y", "5/0m", "5 / m", "5/M", "1.5/m", "\u0665/m", "5/m/m"),
        *("5/m,", "5/m,finance", "5/m,finance:", "5/m,finance:x", "finance:5/m"),
        *("5/m,finance:1/m,finance:2/m", "5/m,:1/m", "5/m;finance:1/m"),
    ],
)
def test_rate_that_cannot_be_understood_is_named(
    given: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RATELIMIT_TRANSFER", given)
    if not given:
        assert rates_by_limit()["transfer"].usual == Rate(10, 60)
        return
    with pytest.raises(ImproperlyConfigured, match=re.escape(f"RATELIMIT_TRANSFER is {given!r}")):
        rates_by_limit()


def test_defaults_are_those_of_the_contract(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LOGIN", "LOGIN_ACCOUNT", "REGISTER", "TRANSFER", "READ"):
        monkeypatch.setenv(f"RATELIMIT_{name}", "")
    found = {limit: of.usual for limit, of in rates_by_limit().items()}
    assert found["login"] == Rate(5, 60)
    assert found["login_account"] == Rate(20, 3600)
    assert found["register"] == Rate(3, 60)
    assert found["transfer"] == Rate(10, 60)
    assert found["read"] == Rate(600, 60)


def test_movement_with_a_rate_of_its_own_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RATELIMIT_BATCH", "2/m")
    assert rates_by_limit()["batch"].usual == Rate(2, 60)
    monkeypatch.setenv("RATELIMIT_BATCH", "often")
    with pytest.raises(ImproperlyConfigured, match="RATELIMIT_BATCH is 'often'"):
        rates_by_limit()


def test_role_that_is_none_is_refused(settings: Settings) -> None:
    settings.RATELIMITS = {"transfer": read("10/m,finance:1/m,financier:600/m")}
    settings.RATELIMIT_ENABLE = True
    (found,) = check_rate_limits()
    assert found.id == "ledgerlink.E009"
    assert "RATELIMIT_TRANSFER" in found.msg
    assert "'financier'" in found.msg
    assert all(role in str(found.hint) for role in Role.values)


def test_production_without_limits_is_warned_of(settings: Settings) -> None:
    settings.PRODUCTION = True
    settings.RATELIMIT_ENABLE = False
    assert [found.id for found in check_rate_limits()] == ["ledgerlink.W003"]
    settings.RATELIMIT_ENABLE = True
    assert check_rate_limits() == []
