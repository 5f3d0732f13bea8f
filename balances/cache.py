"""Balances as they were last seen, for readers only: no money decision reads this cache.

For each user it keeps, per currency, the newest version known and the balance as the API shows
it. A value may replace only an older version, so a slow reader can't put an old balance over a
newer one. Before a commit the writer puts a *fence*, the new version without a value: readers then
go to the database, whatever becomes of the writer. The *generation* is a random token that stands
for everything the cache remembers; when it was lost or could not be written to, a new generation
makes all that was kept before unreadable.
"""

import secrets
import threading
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Protocol

from django.conf import settings

from balances.accounts import Account
from balances.representation import ShownBalance, represent_balance
from ledgerlink.rows import dump_json

TTL_SECONDS = settings.BALANCE_CACHE_SECONDS
MAX_USERS_IN_PROCESS = 20_000
FENCE = ""


@dataclass(frozen=True, slots=True)
class Cached:
    """`balances` maps currency to the JSON of a balance, None on a miss; `generation` is handed
    back when the miss is filled."""

    generation: str
    balances: dict[str, str] | None


class BalanceCache(Protocol):
    def read(self, user_id: int) -> Cached: ...

    def fill(self, user_id: int, generation: str, balances: Iterable[ShownBalance]) -> None:
        """Remember all balances of a user, read from the database after `read` missed."""

    def fence(self, accounts: Sequence[Account]) -> None:
        """Make older versions unreadable; called before the commit."""

    def renew(self, accounts: Sequence[Account]) -> None:
        """Put the new versions; called after the commit."""

    def clear(self) -> None: ...


@lru_cache(maxsize=1)
def balance_cache() -> BalanceCache:
    """The cache of this process: Redis where one is configured, else a dictionary."""
    if settings.REDIS_HOST:
        from balances.cache_redis import RedisBalanceCache  # noqa: PLC0415 - not installed embedded

        return RedisBalanceCache()
    return MemoryBalanceCache()


def new_generation() -> str:
    return secrets.token_hex(8)


def value_of(balance: ShownBalance) -> str:
    return dump_json(represent_balance(balance))


class MemoryBalanceCache:
    """The cache of a single process; correct only while no other process serves (E003)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        with self._lock:
            self._forget()

    def _forget(self) -> None:
        self._generation = new_generation()
        self._users: dict[int, _Remembered] = {}

    def read(self, user_id: int) -> Cached:
        with self._lock:
            kept = self._users.get(user_id)
            if kept is None or not kept.complete or kept.expires_at <= time.monotonic():
                return Cached(self._generation, None)
            values = {currency: value for currency, (_, value) in kept.values.items()}
        whole = values if FENCE not in values.values() else None
        return Cached(self._generation, whole)

    def fill(self, user_id: int, generation: str, balances: Iterable[ShownBalance]) -> None:
        values = [(b.currency, b.version, value_of(b)) for b in balances]
        with self._lock:
            if generation == self._generation:
                kept = self._put(user_id, values)
                kept.complete = True

    def fence(self, accounts: Sequence[Account]) -> None:
        with self._lock:
            for account in accounts:
                self._put(account.user_id or 0, [(account.currency, account.version, FENCE)])

    def renew(self, accounts: Sequence[Account]) -> None:
        values = [(a.user_id or 0, (a.currency, a.version, value_of(a))) for a in accounts]
        with self._lock:
            for user_id, value in values:
                self._put(user_id, [value])

    def _put(self, user_id: int, values: Iterable[tuple[str, int, str]]) -> "_Remembered":
        if user_id not in self._users and len(self._users) >= MAX_USERS_IN_PROCESS:
            self._forget()
        now = time.monotonic()
        kept = self._users.get(user_id)
        if kept is None or kept.expires_at <= now:
            kept = self._users[user_id] = _Remembered({}, complete=False, expires_at=0.0)
        kept.expires_at = now + TTL_SECONDS
        for currency, version, value in values:
            seen, _ = kept.values.get(currency, (-1, FENCE))
            if version > seen or (version == seen and value != FENCE):
                kept.values[currency] = (version, value)
        return kept


@dataclass(slots=True)
class _Remembered:
    values: dict[str, tuple[int, Any]]
    complete: bool
    expires_at: float  # time.monotonic(), seconds
