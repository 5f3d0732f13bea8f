"""Balances as they were last seen, for readers only: no money decision reads this cache.

For each user it keeps, per currency, the newest version known and the balance as the API shows
it. A value may replace only an older version, so a slow reader can't put an old balance over a
newer one. Before a commit the writer puts a *fence*, the new version without a value: readers then
go to the database, and put what they find there. The *generation* is a token that stands for
everything the cache remembers; when it was lost or could not be written to, a new generation makes
all that was kept before unreadable.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol

from django.conf import settings

from balances.accounts import Account
from balances.representation import ShownBalance, represent_balance
from ledgerlink.rows import dump_json

TTL_SECONDS = settings.BALANCE_CACHE_SECONDS
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
        """Make older versions unreadable; called before the commit and after it. The new ones are
        put by who reads them first: of most balances nobody does before the next change."""

    def clear(self) -> None: ...

    def finish(self) -> None:
        """What is still to be made unreadable; called as the process ends."""


@lru_cache(maxsize=1)
def balance_cache() -> BalanceCache:
    """Redis where one is configured, else none."""
    if settings.REDIS_HOST:
        from balances.cache_redis import RedisBalanceCache  # noqa: PLC0415 - not installed embedded

        return RedisBalanceCache()
    return NoBalanceCache()


def finish() -> None:
    """As the process ends, in good order: after the last batch was posted."""
    if balance_cache.cache_info().currsize:
        balance_cache().finish()


def value_of(balance: ShownBalance) -> str:
    return dump_json(represent_balance(balance))


def kept_of(balance: ShownBalance) -> str:
    """What is remembered of it: of a freeze that ends by itself nothing, since the clock would
    change what it shows."""
    return value_of(balance) if balance.frozen_until is None else FENCE


class NoBalanceCache:
    """Without Redis, readers go to the database: there is nothing that could tell this process
    what another one, such as a management command, has written."""

    def read(self, user_id: int) -> Cached:
        return Cached("", None)

    def fill(self, user_id: int, generation: str, balances: Iterable[ShownBalance]) -> None:
        """Nothing is remembered."""

    def fence(self, accounts: Sequence[Account]) -> None:
        """Nothing is remembered."""

    def clear(self) -> None:
        """Nothing is remembered."""

    def finish(self) -> None:
        """Nothing is remembered."""
