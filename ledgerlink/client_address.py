"""The client's address, believed from X-Forwarded-For only as far as trusted proxies vouch."""

from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest

Network = IPv4Network | IPv6Network


@lru_cache(maxsize=1)
def _trusted(proxies: tuple[str, ...]) -> tuple[Network, ...]:
    return tuple(ip_network(proxy) for proxy in proxies)


def client_address(request: HttpRequest) -> str | None:
    """The right-most address that is not a trusted proxy's; None when it can't be parsed."""
    networks = _trusted(tuple(settings.TRUSTED_PROXIES))
    forwarded = request.META.get("HTTP_X_FORWARDED_FOR", "") if networks else ""
    hops = [hop.strip() for hop in forwarded.split(",") if hop.strip()]
    address = _parse(request.META.get("REMOTE_ADDR", ""))
    while hops and address is not None and any(address in network for network in networks):
        address = _parse(hops.pop())
    return str(address) if address is not None else None


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return None if "%" in text else ip_address(text)  # a zone id may be of any length
    except ValueError:
        return None
