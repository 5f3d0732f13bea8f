"""How often each caller may ask, counted by django-ratelimit.

LIMITS is the one table of which limit counts which request. A signed-in caller is counted by
user, anybody else by address. Without Redis nothing is counted and everything is served.
"""

from dataclasses import dataclass
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network

from django.conf import settings
from django.core.cache import caches
from django.http import HttpRequest
from django.utils.crypto import salted_hmac
from django_ratelimit.core import get_usage

from ledgerlink.client_address import client_address
from ledgerlink.errors import TryAgainLater

# By method and name of the route in urls.py, the names of `settings.RATELIMITS`. Whatever is not
# here is counted by "read" when it only reads, and by "write" otherwise.
LIMITS: dict[tuple[str, str], str] = {
    ("POST", "auth-login"): "login",
    ("POST", "auth-password"): "login",  # it tells a right password from a wrong one as well
    ("POST", "auth-register"): "register",
    ("POST", "user-list"): "register",
    ("POST", "auth-refresh"): "refresh",
    ("POST", "auth-logout"): "refresh",
    ("POST", "transaction-transfer"): "transfer",
    ("POST", "transaction-deposit"): "deposit",
    ("POST", "transaction-withdraw"): "withdraw",
    ("POST", "transaction-batch"): "batch",
    ("POST", "transaction-capture"): "capture",
    ("POST", "transaction-cancel"): "cancel",
    ("POST", "transaction-reverse"): "reverse",
    ("GET", "balance-statement"): "statement",
}
# Where the environment says nothing of these, one count serves them all.
MOVEMENTS = {"deposit", "withdraw", "batch", "capture", "cancel", "reverse"}
# Counted by address even when signed in, unless the role has a rate of its own: each new user
# could register more.
BY_ADDRESS = {"register"}
READING = {"GET", "HEAD", "OPTIONS"}

KNOWN_SECONDS = 30 * 86_400  # for which an address is one that an account signs in from
IPV6_PREFIX = 64  # bits; a customer is given a network, not an address


class RateLimited(TryAgainLater):
    code = "rate_limited"
    title = "Too many requests"
    status = 429


@dataclass(frozen=True, slots=True)
class Usage:
    """What is left of `limit` requests; the count starts again in `reset` seconds."""

    limit: int
    remaining: int  # negative for a request too many
    reset: int


@dataclass(frozen=True, slots=True)
class Caller:
    """`role` and `user_id` are None for who is not signed in."""

    address: str
    user_id: int | None = None
    role: str | None = None


def limit_of(method: str, route: str) -> str:
    """Which of `settings.RATELIMITS` counts a request."""
    limit = LIMITS.get(("GET" if method == "HEAD" else method, route))
    if limit is None:
        return "read" if method in READING else "write"
    return "transfer" if limit in MOVEMENTS and limit not in settings.RATELIMITS else limit


def count(request: HttpRequest, limit: str, caller: Caller) -> Usage | None:
    """One request more; None when it is not limited, or can't be counted."""
    role = caller.role
    by_user = role is not None and (
        limit not in BY_ADDRESS or role in settings.RATELIMITS[limit].by_role
    )
    who = f"user {caller.user_id}" if by_user else f"address {caller.address}"
    return _count(request, limit, who, role)


def count_account(request: HttpRequest, identifier: str, address: str) -> tuple[Usage | None, str]:
    """One attempt more to sign in as `identifier`, from whatever address, whether or not there is
    such an account; and what to `remember` if it succeeds.

    An address that the account has signed in from has a count of its own, so that nobody
    elsewhere can keep the owner out.
    """
    account = salted_hmac(__name__, identifier.strip().lower()).hexdigest()
    known = f"known:{account}:{address}"
    who = f"account {account}"
    if caches[settings.RATELIMIT_USE_CACHE].get(known):
        who = f"{who} at {address}"
    return _count(request, "login_account", who, None), known


def remember(known: str) -> None:
    """A sign-in succeeded."""
    caches[settings.RATELIMIT_USE_CACHE].set(known, 1, KNOWN_SECONDS)


def refuse_excess(usage: Usage | None) -> None:
    """Raises RateLimited."""
    if usage is not None and usage.remaining < 0:
        raise RateLimited(f"Try again in {usage.reset} seconds.", retry_after=usage.reset)


def address_of(request: HttpRequest) -> str:
    """The address that a request is counted by; of IPv6 the network."""
    return network_of(client_address(request))


@lru_cache(maxsize=4096)
def network_of(text: str | None) -> str:
    """What an address counts as: of IPv6 its network."""
    if text is None:
        return "unknown"
    address = ip_address(text)
    if not isinstance(address, IPv6Address):
        return text
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address, IPV6_PREFIX), strict=False))


def _count(request: HttpRequest, limit: str, who: str, role: str | None) -> Usage | None:
    rate = settings.RATELIMITS[limit].of(role)
    if rate is None:
        return None
    usage = get_usage(
        request,
        group=limit,
        key=lambda _group, _request: who,
        rate=(rate.count, rate.seconds),
        increment=True,
    )
    if usage is None:
        return None
    # django-ratelimit's window includes the second in which it ends.
    return Usage(rate.count, rate.count - usage["count"], usage["time_left"] + 1)
