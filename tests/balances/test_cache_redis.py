"""What is particular to the cache in Redis: other processes, and a server that stops or dies."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from django_redis import get_redis_connection

from balances.cache import TTL_SECONDS
from balances.cache_redis import GENERATION, SETTLING_SECONDS, RedisBalanceCache
from balances.queries import shown_balances
from bench.servers.process import REPOSITORY
from bench.servers.redis import Redis
from ledgerlink.redis_breaker import REST_SECONDS
from tests.balances.test_cache import USER, account, fill, seen
from tests.books import expire, fund, hold, post_one, transfer
from tests.caches import begin_settled
from tests.concurrency import PATIENCE, eventually, in_background
from transactions.signals import transactions_posted
from users.models import User

Fault = Callable[[Redis], AbstractContextManager[None]]


@contextmanager
def paused(server: Redis) -> Iterator[None]:
    """It accepts connections and answers none."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@contextmanager
def killed(server: Redis) -> Iterator[None]:
    """It is gone, and comes back empty."""
    server.kill()
    try:
        yield
    finally:
        server.start()


def recovers(cache: RedisBalanceCache, version: int) -> None:
    """Readers fill it again, and then it answers with this version and no other."""

    def answers() -> bool:
        found = seen(cache)
        assert found in (None, {"USD": version})
        if found is None:
            fill(cache, account(version))
        return found is not None

    eventually(answers)


@pytest.fixture
def other_process(redis_cache: RedisBalanceCache) -> RedisBalanceCache:
    """The cache as a second process has it, which has served somebody before."""
    other = RedisBalanceCache()
    other.read(0)
    begin_settled(redis_cache)
    return other


def test_new_process_believes_nothing_of_before(redis_cache: RedisBalanceCache) -> None:
    """The one before it may have been killed with invalidations that Redis never got."""
    fill(redis_cache, account(3))
    assert seen(RedisBalanceCache()) is None
    assert seen(redis_cache) is None


def test_what_one_process_writes_another_reads(
    redis_cache: RedisBalanceCache, other_process: RedisBalanceCache
) -> None:
    fill(redis_cache, account(3))
    assert seen(other_process) == {"USD": 3}
    other_process.fence([account(4)])
    assert seen(redis_cache) is None
    fill(other_process, account(4))
    assert seen(redis_cache) == {"USD": 4}


def test_balances_expire_after_five_minutes(redis_cache: RedisBalanceCache) -> None:
    fill(redis_cache, account(3))
    client = get_redis_connection("default")
    (key,) = (key for key in client.scan_iter() if key != GENERATION.encode())
    assert TTL_SECONDS - 5 <= client.ttl(key) <= TTL_SECONDS == 300
    client.delete(key)
    assert seen(redis_cache) is None


def test_generation_that_was_lost_makes_all_else_unreadable(
    redis_cache: RedisBalanceCache,
) -> None:
    fill(redis_cache, account(3))
    generation = redis_cache.read(USER).generation
    redis_cache._redis.ask("DEL", GENERATION)
    assert seen(redis_cache) is None
    redis_cache.fill(USER, generation, [account(3)])
    assert seen(redis_cache) is None
    recovers(redis_cache, 3)


def test_nothing_is_kept_in_a_generation_that_has_just_begun(
    redis_cache: RedisBalanceCache,
) -> None:
    """Its reader may have read before a commit whose fence was in the generation before."""
    redis_cache.clear()
    began = time.time()
    fill(redis_cache, account(3))
    assert seen(redis_cache) is None
    recovers(redis_cache, 3)
    assert time.time() - began >= SETTLING_SECONDS - 0.001  # counted in milliseconds


def test_redis_that_holds_something_else_under_the_key_is_survived(
    redis_cache: RedisBalanceCache,
) -> None:
    fill(redis_cache, account(3))
    client = get_redis_connection("default")
    (key,) = (key for key in client.scan_iter() if key != GENERATION.encode())
    client.set(key, "not a hash")
    assert seen(redis_cache) is None
    redis_cache.fence([account(4)])


@pytest.mark.parametrize("fault", [paused, killed])
def test_redis_that_does_not_answer_is_left_alone_and_comes_back(
    fault: Fault,
    redis_cache: RedisBalanceCache,
    redis_server: Redis,
    caplog: pytest.LogCaptureFixture,
) -> None:
    fill(redis_cache, account(3))
    started = time.monotonic()
    with fault(redis_server):
        for _ in range(10):
            assert redis_cache.read(USER).balances is None
            redis_cache.fence([account(4)])
            redis_cache.fill(USER, "some generation", [account(4)])
        seconds = time.monotonic() - started
    asked = sum("Redis is not available" in message for message in caplog.messages)
    assert 1 <= asked <= 1 + seconds / REST_SECONDS
    recovers(redis_cache, 4)


@pytest.mark.parametrize("fault", [paused, killed])
def test_fence_that_was_lost_never_brings_the_old_balance_back(
    fault: Fault,
    redis_cache: RedisBalanceCache,
    other_process: RedisBalanceCache,
    redis_server: Redis,
) -> None:
    fill(redis_cache, account(3))
    with fault(redis_server):
        redis_cache.fence([account(4)])
    # Without a further call in the process that posted.
    eventually(lambda: seen(other_process) is None)
    recovers(other_process, 4)
    recovers(redis_cache, 4)


@pytest.mark.django_db(transaction=True)
def test_balance_read_before_a_commit_in_a_generation_without_its_fence_is_not_kept(
    redis_cache: RedisBalanceCache, alice: User, bob: User
) -> None:
    """The generation begins, as each process begins one, after the fence was put."""
    fund(alice, "10.00")
    read: list[str] = []
    kept: list[object] = []

    def read_meanwhile(**_kwargs: object) -> None:
        redis_cache.clear()
        with in_background() as start:
            read.append(start(lambda: shown_balances(alice.pk)["USD"]).result())
        kept.append(redis_cache.read(alice.pk).balances)

    transactions_posted.connect(read_meanwhile)
    try:
        post_one(transfer(alice, bob, "4.00"))
    finally:
        transactions_posted.disconnect(read_meanwhile)
    assert '"amount":"10.00"' in read[0]
    assert kept == [None]
    assert '"amount":"6.00"' in shown_balances(alice.pk)["USD"]


_COMMAND = """
import django
django.setup()
from balances.cache import balance_cache
from tests.balances.test_cache import account
balance_cache().fence([account(4)])
print("missed", flush=True)
"""


def test_command_that_ends_makes_sure_that_redis_forgets_what_it_missed(
    redis_cache: RedisBalanceCache, redis_server: Redis
) -> None:
    fill(redis_cache, account(3))
    env = {**os.environ, **redis_server.env, "DJANGO_SETTINGS_MODULE": "ledgerlink.settings"}
    arguments = [sys.executable, "-c", _COMMAND]
    with paused(redis_server):
        command = subprocess.Popen(arguments, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE)
        assert command.stdout is not None
        said = command.stdout.readline()
    command.communicate(timeout=PATIENCE)
    assert (said, command.returncode) == (b"missed\n", 0)
    assert seen(redis_cache) is None


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("fault", [paused, killed])
def test_money_moves_and_balances_are_read_while_redis_is_away(
    fault: Fault, alice: User, bob: User, redis_cache: RedisBalanceCache, redis_server: Redis
) -> None:
    fund(alice, "10.00")
    assert '"10.00"' in shown_balances(alice.pk)["USD"]
    with fault(redis_server):
        for left in ("9.00", "8.00", "7.00"):
            assert post_one(transfer(alice, bob, "1.00")).error is None
            assert f'"{left}"' in shown_balances(alice.pk)["USD"]

    def is_cached() -> bool:
        assert '"7.00"' in shown_balances(alice.pk)["USD"]
        return redis_cache.read(alice.pk).balances is not None

    eventually(is_cached)
    assert post_one(transfer(alice, bob, "1.00")).error is None
    assert '"6.00"' in shown_balances(alice.pk)["USD"]


@pytest.mark.django_db(transaction=True)
def test_hold_that_expires_while_its_balance_is_remembered_is_shown_no_longer(
    alice: User, bob: User, redis_cache: RedisBalanceCache
) -> None:
    fund(alice, "10.00")
    pending = hold(alice, bob, "4.00")
    for _ in range(2):
        assert '"held":"4.00","available":"6.00"' in shown_balances(alice.pk)["USD"]
    expire(pending)
    for _ in range(2):
        assert '"held":"0.00","available":"10.00"' in shown_balances(alice.pk)["USD"]
    assert redis_cache.read(alice.pk).balances is not None
