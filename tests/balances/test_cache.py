"""The rules of the balance cache."""

import json
from collections.abc import Sequence
from dataclasses import replace

import pytest
from django.utils import timezone

from balances.accounts import Account
from balances.cache import FENCE, BalanceCache, value_of
from tests.books import an_account
from tests.caches import begin_settled

USER = 7


def account(version: int, currency: str = "USD", user_id: int = USER) -> Account:
    """Each version has an amount of its own."""
    return an_account(
        user_id=user_id, currency=currency, version=version, amount=version * 100, held=0
    )


def fill(cache: BalanceCache, *accounts: Account, user_id: int = USER) -> None:
    """Read and miss, go to the database, and put what stood there."""
    cache.fill(user_id, cache.read(user_id).generation, accounts)


def seen(cache: BalanceCache, user_id: int = USER) -> dict[str, int] | None:
    """The version of each currency; None on a miss."""
    balances = cache.read(user_id).balances
    if balances is None:
        return None
    return {currency: json.loads(value)["version"] for currency, value in balances.items()}


def test_nothing_is_known_at_first(redis_cache: BalanceCache) -> None:
    cached = redis_cache.read(USER)
    assert cached.balances is None
    assert cached.generation


def test_what_was_filled_is_read(redis_cache: BalanceCache) -> None:
    held = [account(3), account(5, "EUR")]
    fill(redis_cache, *held)
    assert redis_cache.read(USER).balances == {"USD": value_of(held[0]), "EUR": value_of(held[1])}


def test_user_without_balances_is_remembered_as_such(redis_cache: BalanceCache) -> None:
    fill(redis_cache)
    assert seen(redis_cache) == {}


def test_users_are_kept_apart(redis_cache: BalanceCache) -> None:
    fill(redis_cache, account(3))
    assert seen(redis_cache, 8) is None
    fill(redis_cache, account(1, user_id=8), user_id=8)
    assert (seen(redis_cache), seen(redis_cache, 8)) == ({"USD": 3}, {"USD": 1})


def test_freeze_that_ends_by_itself_is_read_from_the_database(redis_cache: BalanceCache) -> None:
    ending = replace(account(4), status="frozen", frozen_until=timezone.now(), read_version=4)
    fill(redis_cache, ending)
    assert seen(redis_cache) is None
    fill(redis_cache, account(5))
    assert seen(redis_cache) == {"USD": 5}


def test_fence_sends_readers_to_the_database_until_one_has_been(redis_cache: BalanceCache) -> None:
    fill(redis_cache, account(3), account(1, "EUR"))
    redis_cache.fence([account(4)])
    assert seen(redis_cache) is None
    fill(redis_cache, account(4), account(1, "EUR"))
    assert seen(redis_cache) == {"USD": 4, "EUR": 1}


def test_slow_reader_cannot_put_an_old_balance_over_a_fence(redis_cache: BalanceCache) -> None:
    generation = redis_cache.read(USER).generation
    redis_cache.fence([account(4)])
    redis_cache.fill(USER, generation, [account(3)])
    assert seen(redis_cache) is None
    redis_cache.fill(USER, generation, [account(4)])
    assert seen(redis_cache) == {"USD": 4}


def test_slow_reader_cannot_put_an_old_balance_over_a_newer(redis_cache: BalanceCache) -> None:
    generation = redis_cache.read(USER).generation
    redis_cache.fence([account(4)])
    fill(redis_cache, account(4))
    redis_cache.fill(USER, generation, [account(3)])
    assert seen(redis_cache) == {"USD": 4}


def test_slow_writer_cannot_put_an_old_balance_over_a_newer(redis_cache: BalanceCache) -> None:
    fill(redis_cache, account(3))
    redis_cache.fence([account(5)])
    fill(redis_cache, account(5))
    redis_cache.fence([account(4)])
    assert seen(redis_cache) == {"USD": 5}


def test_reader_cannot_fill_what_another_writer_has_fenced(redis_cache: BalanceCache) -> None:
    fill(redis_cache, account(3))
    redis_cache.fence([account(4)])
    redis_cache.fence([account(5)])
    fill(redis_cache, account(4))
    assert seen(redis_cache) is None


def test_fence_of_a_posting_that_was_rolled_back_misleads_nobody(redis_cache: BalanceCache) -> None:
    fill(redis_cache, account(3))
    redis_cache.fence([account(4)])
    fill(redis_cache, account(3))
    assert seen(redis_cache) is None
    redis_cache.fence([account(4)])
    fill(redis_cache, account(4))
    assert seen(redis_cache) == {"USD": 4}


def test_first_balance_in_another_currency_ends_what_was_complete(
    redis_cache: BalanceCache,
) -> None:
    fill(redis_cache, account(3))
    redis_cache.fence([account(1, "EUR")])
    assert seen(redis_cache) is None
    fill(redis_cache, account(3), account(1, "EUR"))
    assert seen(redis_cache) == {"USD": 3, "EUR": 1}


def test_batch_fences_all_its_users_and_currencies(redis_cache: BalanceCache) -> None:
    users = range(1, 6)
    for user in users:
        fill(redis_cache, account(1, user_id=user), account(1, "EUR", user_id=user), user_id=user)
    changed = [account(2, c, user_id=u) for u in users for c in ("USD", "EUR")]
    redis_cache.fence(changed)
    assert [seen(redis_cache, user) for user in users] == [None] * 5
    for user in users:
        fill(redis_cache, account(1, user_id=user), account(2, "EUR", user_id=user), user_id=user)
        assert seen(redis_cache, user) is None
        fill(redis_cache, account(2, user_id=user), account(2, "EUR", user_id=user), user_id=user)
    assert [seen(redis_cache, user) for user in users] == [{"USD": 2, "EUR": 2}] * 5


def test_clearing_forgets_all_and_refuses_what_was_read_before(redis_cache: BalanceCache) -> None:
    fill(redis_cache, account(3))
    generation = redis_cache.read(USER).generation
    redis_cache.clear()
    assert seen(redis_cache) is None
    redis_cache.fill(USER, generation, [account(3)])
    assert seen(redis_cache) is None
    assert redis_cache.read(USER).generation != generation


def test_writer_after_clearing_begins_anew(redis_cache: BalanceCache) -> None:
    fill(redis_cache, account(3), account(9, "EUR"))
    begin_settled(redis_cache)
    redis_cache.fence([account(4)])
    assert seen(redis_cache) is None
    fill(redis_cache, account(4), account(8, "EUR"))
    assert seen(redis_cache) == {"USD": 4, "EUR": 8}


@pytest.mark.parametrize("versions", [(9, 10), (99, 100), (2**31, 2**31 + 1), (2**52, 2**52 + 1)])
def test_versions_are_compared_as_numbers(
    versions: tuple[int, int], redis_cache: BalanceCache
) -> None:
    older, newer = versions
    fill(redis_cache, account(newer))
    redis_cache.fence([account(older)])
    assert seen(redis_cache) == {"USD": newer}
    redis_cache.fence([account(newer + 1)])
    assert seen(redis_cache) is None


def test_value_is_what_the_api_shows(redis_cache: BalanceCache) -> None:
    overdrawn = an_account(user_id=USER, amount=-5, held=0, overdraft_limit=10)
    fill(redis_cache, overdrawn)
    balances = redis_cache.read(USER).balances
    assert balances is not None
    shown = json.loads(balances["USD"])
    assert (shown["amount"], shown["held"], shown["available"]) == ("-0.05", "0.00", "0.05")
    assert value_of(overdrawn) != FENCE


def test_nothing_is_done_for_nobody(redis_cache: BalanceCache) -> None:
    nobody: Sequence[Account] = []
    redis_cache.fence(nobody)
    assert redis_cache.read(USER).balances is None
