"""How many requests may come in how long, as the environment says it: `10/m,finance:600/m`."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from django.core.exceptions import ImproperlyConfigured

from ledgerlink.environment import text

UNLIMITED = "none"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}

_RATE = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,2})?([smhd])")
_ROLE = re.compile(r"[a-z]+")


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` requests in `seconds`."""

    count: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Rates:
    """The rate for everybody, and for the roles that have one of their own; None is no limit."""

    usual: Rate | None
    by_role: Mapping[str, Rate | None]

    def of(self, role: str | None) -> Rate | None:
        return self.by_role.get(role or "", self.usual)


def rates(name: str, default: str) -> Rates:
    """The variable: a rate such as `5/m` or `100/15m` (s, m, h or d) or `none`, then
    `role:rate` for each role with one of its own. Raises ImproperlyConfigured."""
    given = text(name, default)
    usual, *others = [part.strip() for part in given.split(",")]
    by_role: dict[str, Rate | None] = {}
    for other in others:
        role, _, rate = (part.strip() for part in other.partition(":"))
        if role in by_role or not _ROLE.fullmatch(role):
            raise _misunderstood(name, given)
        by_role[role] = _rate(name, given, rate)
    return Rates(_rate(name, given, usual), by_role)


def rates_by_limit() -> dict[str, Rates]:
    """Every rate limit of the service; `ledgerlink.rate_limits` says what each counts."""
    found = {
        "login": rates("RATELIMIT_LOGIN", "5/m"),
        "login_account": rates("RATELIMIT_LOGIN_ACCOUNT", "20/h"),
        "register": rates("RATELIMIT_REGISTER", "3/m,admin:600/m"),
        "refresh": rates("RATELIMIT_REFRESH", "600/m"),
        "transfer": rates("RATELIMIT_TRANSFER", "10/m,finance:600/m,admin:600/m"),
        "statement": rates("RATELIMIT_STATEMENT", "60/m"),
        "read": rates("RATELIMIT_READ", "600/m"),
        "write": rates("RATELIMIT_WRITE", "60/m"),
    }
    movements = {
        "deposit": text("RATELIMIT_DEPOSIT"),
        "withdraw": text("RATELIMIT_WITHDRAW"),
        "batch": text("RATELIMIT_BATCH"),
        "capture": text("RATELIMIT_CAPTURE"),
        "cancel": text("RATELIMIT_CANCEL"),
        "reverse": text("RATELIMIT_REVERSE"),
    }
    for limit, given in movements.items():
        if given:
            found[limit] = rates(f"RATELIMIT_{limit.upper()}", given)
    return found


def _rate(name: str, given: str, rate: str) -> Rate | None:
    if rate == UNLIMITED:
        return None
    match = _RATE.fullmatch(rate)
    if match is None:
        raise _misunderstood(name, given)
    return Rate(count=int(match[1]), seconds=int(match[2] or 1) * SECONDS[match[3]])


def _misunderstood(name: str, given: str) -> ImproperlyConfigured:
    return ImproperlyConfigured(
        f"{name} is {given!r}; give a rate such as 10/m, 20/h or none, and rates of roles after "
        "it, such as 10/m,finance:600/m."
    )
