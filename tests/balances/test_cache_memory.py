"""What is particular to the cache in the process: its clock and its size."""

import pytest

from balances import cache as cache_module
from balances.cache import TTL_SECONDS, MemoryBalanceCache
from tests.balances.test_cache import USER, account, fill, seen


class Clock:
    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(cache_module, "time", clock)
    return clock


def test_balances_are_remembered_for_five_minutes(
    memory_cache: MemoryBalanceCache, clock: Clock
) -> None:
    fill(memory_cache, account(3))
    clock.now += TTL_SECONDS - 1
    assert seen(memory_cache) == {"USD": 3}
    clock.now += 1
    assert seen(memory_cache) is None
    assert TTL_SECONDS == 300


def test_expired_balances_are_begun_anew(memory_cache: MemoryBalanceCache, clock: Clock) -> None:
    fill(memory_cache, account(3), account(3, "EUR"))
    clock.now += TTL_SECONDS
    memory_cache.renew([account(4)])
    assert seen(memory_cache) is None
    fill(memory_cache, account(4), account(3, "EUR"))
    assert seen(memory_cache) == {"USD": 4, "EUR": 3}


def test_cache_that_is_full_forgets_all(
    memory_cache: MemoryBalanceCache, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache_module, "MAX_USERS_IN_PROCESS", 2)
    for user in (1, 2):
        fill(memory_cache, account(1, user_id=user), user_id=user)
    generation = memory_cache.read(1).generation
    fill(memory_cache, account(1, user_id=2), user_id=2)
    assert seen(memory_cache, 1) == {"USD": 1}
    memory_cache.renew([account(1, user_id=3)])
    assert [seen(memory_cache, user) for user in (1, 2, 3)] == [None, None, None]
    memory_cache.fill(USER, generation, [account(1)])
    assert seen(memory_cache) is None
