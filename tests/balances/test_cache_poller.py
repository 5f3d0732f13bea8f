"""Whoever polls a balance while money moves never sees an older one after a newer."""

import json
import threading
from functools import partial

import pytest

from balances.cache import BalanceCache
from balances.queries import shown_balances
from tests.books import amount_of, fund, post_one, transfer
from tests.concurrency import at_once, in_background
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


def version_shown(user_id: int) -> int:
    return int(json.loads(shown_balances(user_id)["USD"])["version"])


def test_poller_never_sees_an_older_version_after_a_newer(
    alice: User, bob: User, any_cache: BalanceCache
) -> None:
    fund(alice, "100.00")
    fund(bob, "100.00")
    done = threading.Event()

    def poll(user_id: int) -> list[int]:
        seen = [version_shown(user_id)]
        while not done.is_set():
            seen.append(version_shown(user_id))
        return seen

    def pay(payer: User, payee: User) -> bool:
        """Whether each payment could be seen as soon as it had been answered."""
        current = True
        for _ in range(15):
            outcome = post_one(transfer(payer, payee, "0.01"))
            assert outcome.posted is not None
            current = current and version_shown(payer.pk) >= outcome.posted.balance.version
        return current

    with in_background() as start:
        pollers = [start(partial(poll, user.pk)) for user in (alice, bob, alice)]
        payments = [partial(pay, alice, bob), partial(pay, bob, alice)] * 2
        try:
            results = at_once(payments)
        finally:
            done.set()
        histories = [poller.result() for poller in pollers]
    assert results == [True] * 4
    for history in histories:
        assert history == sorted(history)
        assert len(set(history)) > 1
    assert [version_shown(user.pk) for user in (alice, bob)] == [61, 61]
    assert (amount_of(alice), amount_of(bob)) == (10_000, 10_000)
