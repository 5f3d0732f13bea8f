"""The balance cache in Redis, shared by all processes. See `balances.cache` for its rules.

One hash per user: a field per currency holding `version|json` (no json: a fence), `complete` once
all of the user's balances are in it, and the `generation` in which it was written.
"""

import logging
import secrets
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import TypeVar

from redis.exceptions import RedisError

from balances.accounts import Account
from balances.cache import FENCE, TTL_SECONDS, Cached, kept_of
from balances.representation import ShownBalance
from ledgerlink.redis_breaker import RedisBreaker
from ledgerlink.redis_line import Script, redis_line

logger = logging.getLogger(__name__)

PREFIX = "ledgerlink:balances"
GENERATION = f"{PREFIX}:generation"
FINISH_SECONDS = 5.0  # that a process waits at its end for a Redis that missed something
MEND_SECONDS = 0.05  # between attempts to tell a Redis that missed something to forget the rest
SETTLING_SECONDS = 2.0  # in which nothing is put into a new generation

_TIME = """
local function milliseconds()
  local now = redis.call('TIME')
  return now[1] * 1000 + math.floor(now[2] / 1000)
end
"""
_GENERATION = f"""{_TIME}
local function current(key, random)
  local generation = redis.call('GET', key)
  if not generation then
    generation = string.format('%.0f-%s', milliseconds(), random)
    redis.call('SET', key, generation)
  end
  return generation
end
"""
_PUT = """
local function begin(key, generation)
  if redis.call('HGET', key, 'generation') ~= generation then
    redis.call('DEL', key)
    redis.call('HSET', key, 'generation', generation)
  end
end
local function put(key, currency, version, json)
  local old = redis.call('HGET', key, currency)
  local seen = old and tonumber(string.match(old, '^%d+')) or -1
  if tonumber(version) > seen or (tonumber(version) == seen and json ~= '') then
    redis.call('HSET', key, currency, version .. '|' .. json)
  end
end
"""
# KEYS: the generation's, the user's. ARGV: a random text, should there be no generation. Returns
# the generation, and the hash as a list.
_READ = Script(f"""{_GENERATION}
return {{current(KEYS[1], ARGV[1]), redis.call('HGETALL', KEYS[2])}}
""")
# KEYS: the generation's, the user's. ARGV: generation, ttl, then currency, version, json of each.
_FILL = Script(f"""{_TIME}{_PUT}
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return end
local begun = tonumber(string.match(ARGV[1], '^%d+'))
if not begun or milliseconds() < begun + {1000 * SETTLING_SECONDS:.0f} then return end
begin(KEYS[2], ARGV[1])
for i = 3, #ARGV, 3 do put(KEYS[2], ARGV[i], ARGV[i + 1], ARGV[i + 2]) end
redis.call('HSET', KEYS[2], 'complete', '1')
redis.call('EXPIRE', KEYS[2], ARGV[2])
""")
# KEYS: the generation's, the user's of each balance. ARGV: a random text, should there be no
# generation, ttl, then currency and version of each.
_FENCE = Script(f"""{_GENERATION}{_PUT}
local generation = current(KEYS[1], ARGV[1])
for i = 2, #KEYS do
  begin(KEYS[i], generation)
  put(KEYS[i], ARGV[2 * i - 1], ARGV[2 * i], '')
  redis.call('EXPIRE', KEYS[i], ARGV[2])
end
""")

Answer = TypeVar("Answer")


class RedisBalanceCache:
    """Never raises: a Redis that fails is left alone for a moment, and distrusted until its
    generation has been ended, since writes meant for it may have been lost.

    A thread tries to end it until it is done: other processes, which noticed nothing, must not go
    on reading what it remembers until this one happens to be asked again.

    A generation may begin just after the fence of a commit, which is then lost, and just before
    the commit. So what is read in its first seconds is not kept.
    """

    def __init__(self) -> None:
        self._redis = redis_line()
        self._lock = threading.Lock()
        # Calls that may have been lost; one, since a process that was killed may have lost some.
        self._missed = 1
        self._mended = 0  # what `_missed` was when the generation was last ended
        self._mender: threading.Thread | None = None
        self._breaker = RedisBreaker(missed=self._distrust)

    def read(self, user_id: int) -> Cached:
        def fetch() -> Cached:
            generation, fields = self._redis.run(_READ, [GENERATION, _key(user_id)], [_random()])
            return _cached(generation, dict(zip(fields[::2], fields[1::2], strict=True)))

        return self._guarded(fetch, Cached("", None))

    def fill(self, user_id: int, generation: str, balances: Iterable[ShownBalance]) -> None:
        values = [item for b in balances for item in (b.currency, b.version, kept_of(b))]
        if generation:
            keys, args = [GENERATION, _key(user_id)], [generation, TTL_SECONDS, *values]
            self._guarded(lambda: self._redis.run(_FILL, keys, args), None)

    def fence(self, accounts: Sequence[Account]) -> None:
        keys = [GENERATION, *(_key(account.user_id or 0) for account in accounts)]
        versions = [value for a in accounts for value in (a.currency, a.version)]
        args = [_random(), TTL_SECONDS, *versions]
        self._guarded(lambda: self._redis.run(_FENCE, keys, args), None)

    def clear(self) -> None:
        self._guarded(lambda: self._redis.ask("DEL", GENERATION), None)

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
        self._redis.ask("DEL", GENERATION)
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


def _random() -> str:
    return secrets.token_hex(8)


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
