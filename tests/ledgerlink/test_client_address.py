"""Whose address a request comes from: believed only as far as trusted proxies vouch for it."""

import pytest
from django.test import RequestFactory
from pytest_django import Settings

from ledgerlink.client_address import client_address

PROXY, INNER, CLIENT, LIE = "10.0.0.1", "10.0.0.2", "203.0.113.9", "198.51.100.66"


def address(peer: str, forwarded: str | None = None) -> str | None:
    headers = {} if forwarded is None else {"HTTP_X_FORWARDED_FOR": forwarded}
    return client_address(RequestFactory().get("/", REMOTE_ADDR=peer, **headers))  # type: ignore[arg-type] # header names


@pytest.mark.parametrize("forwarded", [None, LIE, f"{LIE}, {PROXY}", "", "nonsense"])
def test_without_trusted_proxies_only_the_peer_counts(
    forwarded: str | None, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = []
    assert address(CLIENT, forwarded) == CLIENT


@pytest.mark.parametrize(
    ("peer", "forwarded", "expected"),
    [
        (CLIENT, None, CLIENT),
        (CLIENT, LIE, CLIENT),
        (CLIENT, PROXY, CLIENT),
        (PROXY, None, PROXY),
        (PROXY, CLIENT, CLIENT),
        (PROXY, f"{LIE}, {CLIENT}", CLIENT),
        (PROXY, f"{LIE},{CLIENT},{INNER}", CLIENT),
        (PROXY, f"{LIE},  {CLIENT} ,, {INNER} ", CLIENT),
        (PROXY, f"{INNER}, {PROXY}", INNER),
        (PROXY, f"{CLIENT}, nonsense", None),
        (PROXY, f"{CLIENT}:443", None),
        (PROXY, "fe80::1%" + "x" * 500, None),
        (PROXY, "2001:db8::7", "2001:db8::7"),
        (PROXY, "2001:0DB8:0::0007", "2001:db8::7"),
        ("2001:db8:ffff::1", CLIENT, CLIENT),
        ("", CLIENT, None),
    ],
)
def test_with_trusted_proxies_the_right_most_stranger_counts(
    peer: str, forwarded: str | None, expected: str | None, settings: Settings
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/24", "2001:db8:ffff::/48"]
    assert address(peer, forwarded) == expected
