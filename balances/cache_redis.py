"""The balance cache in Redis, shared by all processes. See `balances.cache` for its rules.

One hash per user: a field per currency holding `version|json` (no json: a fence), `complete` once
all of the user's balances are in it, and the `generation` in which it was written.
"""

import logging
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, TypeVar

from django_redis import get_redis_connection
from redis.exceptions import RedisError

from balances.accounts import Account
from balances.cache import FENCE, TTL_SECONDS, Cached, kept_of, new_generation
from balances.representation import ShownBalance
from ledgerlink.redis_breaker import RedisBreaker

logger = logging.getLogger(__name__)

PREFIX = "ledgerlink:balances"
GENERATION = f"{PREFIX}:generation"
FINISH_SECONDS = 5.0  # that a process waits at its end for a Redis that missed something
MEND_SECONDS = 0.05  # between attempts to give a new generation to a Redis that missed something

# ARGV: new generation, expected generation or '', ttl, complete, then (currency, version, json)…
_PUT = """
redis.call('SET', KEYS[2], ARGV[1], 'NX')
local generation = redis.call('GET', KEYS[2])
if ARGV[2] ~= '' and ARGV[2] ~= generation then return 0 end
if redis.call('HGET', KEYS[1], 'generation') ~= generation then
  redis.call('DEL', KEYS[1])
  redis.call('HSET', KEYS[1], 'generation', generation)
end
for i = 5, #ARGV, 3 do
  local old = redis.call('HGET', KEYS[1], ARGV[i])
  local seen = old and tonumber(string.match(old, '^%d+')) or -1
  local version = tonumber(ARGV[i + 1])
  if version > seen or (version == seen and ARGV[i + 2] ~= '') then
    redis.call('HSET', KEYS[1], ARGV[i], ARGV[i + 1] .. '|' .. ARGV[i + 2])
  end
end
if ARGV[4] == '1' then redis.call('HSET', KEYS[1], 'complete', '1') end
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1
"""

Answer = TypeVar("Answer")


class RedisBalanceCache:
    """Never raises: a Redis that fails is left alone for a moment, and distrusted until it has
    taken a new generation, since writes meant for it may have been lost.

    A thread offers it that generation until it takes it: other processes, which noticed nothing,
    must not go on reading what it remembers until this one happens to be asked again.
    """

    def __init__(self) -> None:
        self._redis: Any = get_redis_connection("default")
        self._put = self._redis.register_script(_PUT)
        self._lock = threading.Lock()
        # Calls that may have been lost; one, since a process that was killed may have lost some.
        self._missed = 1
        self._mended = 0  # what `_missed` was when Redis last took a new generation
        self._mender: threading.Thread | None = None
        self._breaker = RedisBreaker(missed=self._distrust)

    def read(self, user_id: int) -> Cached:
        def fetch() -> Cached:
            pipeline = self._redis.pipeline(transaction=False)
            pipeline.get(GENERATION)
            pipeline.hgetall(_key(user_id))
            generation, fields = pipeline.execute()
            if generation is None:
                self._redis.set(GENERATION, new_generation(), nx=True)
                return Cached(self._redis.get(GENERATION).decode(), None)
            return _cached(generation, fields)

        return self._guarded(fetch, Cached("", None))

    def fill(self, user_id: int, generation: str, balances: Iterable[ShownBalance]) -> None:
        values = [item for b in balances for item in (b.currency, b.version, kept_of(b))]
        if generation:
            self._guarded(lambda: self._call(None, user_id, generation, "1", values), None)

    def fence(self, accounts: Sequence[Account]) -> None:
        self._put_all(accounts, lambda _account: FENCE)

    def renew(self, accounts: Sequence[Account]) -> None:
        self._put_all(accounts, kept_of)

    def clear(self) -> None:
        self._guarded(lambda: self._redis.set(GENERATION, new_generation()), None)

    def finish(self) -> None:
        with self._lock:
            mender = self._mender
        if mender is None:
            return
        mender.join(FINISH_SECONDS)
        if mender.is_alive():
            logger.warning(
                "Redis missed changes of balances: until it is told, it may show old ones"
            )

    def _put_all(self, accounts: Sequence[Account], value: Callable[[Account], str]) -> None:
        by_user: dict[int, list[Any]] = defaultdict(list)
        for account in accounts:
            by_user[account.user_id or 0] += [account.currency, account.version, value(account)]

        def put() -> None:
            pipeline = self._redis.pipeline(transaction=False)
            for user_id, values in by_user.items():
                self._call(pipeline, user_id, "", "0", values)
            pipeline.execute()

        self._guarded(put, None)

    def _call(
        self, client: Any, user_id: int, generation: str, complete: str, values: list[Any]
    ) -> None:
        self._put(
            keys=[_key(user_id), GENERATION],
            args=[new_generation(), generation, TTL_SECONDS, complete, *values],
            client=client,
        )

    def _guarded(self, call: Callable[[], Answer], otherwise: Answer) -> Answer:
        def ask() -> Answer:
            if self._missed != self._mended:
                self._mend()
            return call()

        return self._breaker.call(ask, otherwise)

    def _distrust(self) -> None:
        with self._lock:
            self._missed += 1
            if self._mender is None or not self._mender.is_alive():
                self._mender = threading.Thread(target=self._mend_soon, name="mender", daemon=True)
                self._mender.start()

    def _mend(self) -> None:
        missed = self._missed
        self._redis.set(GENERATION, new_generation())
        with self._lock:
            self._mended = max(self._mended, missed)

    def _mend_soon(self) -> None:
        while True:
            time.sleep(MEND_SECONDS)
            with suppress(RedisError, OSError):
                self._mend()
            with self._lock:
                if self._missed == self._mended:
                    self._mender = None
                    return


def _key(user_id: int) -> str:
    return f"{PREFIX}:{user_id}"


def _cached(generation: bytes, fields: dict[bytes, bytes]) -> Cached:
    token = generation.decode()
    if fields.pop(b"generation", None) != generation or not fields.pop(b"complete", None):
        return Cached(token, None)
    values = {
        currency.decode(): value.decode().partition("|")[2] for currency, value in fields.items()
    }
    return Cached(token, values if FENCE not in values.values() else None)
