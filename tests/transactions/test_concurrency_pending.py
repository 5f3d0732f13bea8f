"""Real threads on pending transactions, reversals and batches: each hold is settled once, and what
is held and available is right at every moment."""

import json
import random
import threading
from datetime import timedelta
from decimal import Decimal
from functools import partial

import pytest
from django.db.models import Sum
from django.utils import timezone

from balances.queries import shown_balances
from ledgerlink.snapshot import consistent_snapshot
from tests.books import (
    SYSTEM,
    amount_of,
    assert_books_are_sound,
    balance_of,
    cancel,
    capture,
    fund,
    hold,
    idempotency,
    in_an_hour,
    post_one,
    reverse,
    standing,
    stored,
    transfer,
)
from tests.concurrency import PATIENCE, at_once, in_background, post_at_once, tally
from transactions.instructions import Order, Unit, UnitOutcome
from transactions.models import Transaction
from transactions.processor import submit
from transactions.representation import answer_of_outcome
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


def submitted(order: Order) -> Transaction:
    (outcome,) = submit(Unit([order])).outcomes
    assert outcome.error is None
    assert outcome.transaction is not None
    return outcome.transaction


@pytest.mark.parametrize("part", [None, "40.00"])
def test_captures_at_once_happen_once(part: str | None, mode: str, alice: User, bob: User) -> None:
    fund(alice, "100.00")
    pending = hold(alice, bob, "60.00")
    outcomes = post_at_once([capture(pending, part) for _ in range(8)])
    assert tally(outcomes) == {"completed": 1, "transaction_not_pending": 7}
    moved = 6_000 if part is None else 4_000
    assert standing(alice)[:3] == (10_000 - moved, 0, 10_000 - moved)
    assert amount_of(bob) == moved
    assert_books_are_sound()


def test_capture_against_cancel_ends_as_one_of_them(mode: str, alice: User, bob: User) -> None:
    fund(alice, "100.00")
    holds = [hold(alice, bob, "10.00") for _ in range(6)]
    orders = [order for t in holds for order in (capture(t), cancel(t))]
    random.shuffle(orders)
    assert tally(post_at_once(orders)) == {"completed": 6, "transaction_not_pending": 6}
    captured = sum(stored(t).status == "completed" for t in holds) * 1_000
    assert standing(alice)[:3] == (10_000 - captured, 0, 10_000 - captured)
    assert amount_of(bob) == captured
    assert_books_are_sound()


def test_captures_around_the_expiry_move_all_or_nothing(mode: str, alice: User, bob: User) -> None:
    """Half of them come too late by a hair, whichever thread is first."""
    fund(alice, "100.00")
    soon = timezone.now() + timedelta(milliseconds=60)
    holds = [
        hold(alice, bob, "5.00", expires_at=soon + timedelta(milliseconds=10 * n))
        for n in range(10)
    ]
    outcomes = post_at_once([capture(t) for t in holds for _ in range(2)])
    told = tally(outcomes)
    assert set(told) <= {"completed", "transaction_expired", "transaction_not_pending"}
    assert told["completed"] + told["transaction_expired"] <= 10
    for t in map(stored, holds):
        assert t.status in {"completed", "cancelled"}
        assert t.expires_at is not None
        assert t.completed_at is None or t.completed_at < t.expires_at
    assert standing(alice)[:3] == (10_000 - amount_of(bob), 0, 10_000 - amount_of(bob))
    assert amount_of(bob) == 500 * told["completed"]
    assert_books_are_sound()


def test_holds_at_once_never_exceed_what_is_available(mode: str, alice: User, bob: User) -> None:
    fund(alice, "100.00")
    asked = [transfer(alice, bob, "30.00", expires_at=in_an_hour()) for _ in range(6)]
    asked += [transfer(alice, bob, "30.00") for _ in range(6)]
    assert tally(post_at_once(asked)) == {"completed": 3, "insufficient_funds": 9}
    amount, held, available, _version = standing(alice)
    assert (available, amount + amount_of(bob)) == (1_000, 10_000)
    assert held + amount_of(bob) == 9_000
    assert_books_are_sound()


@pytest.mark.parametrize("fields", [{}, {"allow_overdraft": True}], ids=str)
def test_reversals_at_once_never_exceed_the_original(
    fields: dict[str, bool], mode: str, alice: User, bob: User
) -> None:
    fund(alice, "100.00")
    paid = post_one(transfer(alice, bob, "60.00")).transaction
    assert paid is not None
    fund(bob, "500.00")
    asked = [reverse(paid, "25.00", **fields) for _ in range(8)]
    told = tally(post_at_once([*asked, reverse(paid), reverse(paid)]))
    assert told["completed"] in {1, 2, 3}  # all of it at first, or parts and then the rest
    assert told["completed"] + told["reversal_exceeds_original"] == 10
    assert (amount_of(alice), amount_of(bob)) == (10_000, 50_000)
    assert_books_are_sound()


def test_same_key_at_once_settles_once_and_answers_all_alike(
    mode: str, alice: User, bob: User
) -> None:
    fund(alice, "100.00")
    pending = hold(alice, bob, "60.00")
    asked = [capture(pending, "10.00", idempotency=idempotency("k")) for _ in range(8)]
    outcomes = post_at_once(asked)
    assert sorted(outcome.replayed for outcome in outcomes) == [False] + [True] * 7
    assert len({answer_of_outcome(outcome, SYSTEM) for outcome in outcomes}) == 1
    assert amount_of(bob) == 1_000
    assert_books_are_sound()


def test_same_batch_at_once_is_posted_once(mode: str, alice: User, bob: User) -> None:
    fund(alice, "100.00")

    def unit() -> Unit:
        orders = [transfer(alice, bob, "30.00", group="g") for _ in range(2)]
        return Unit(orders, idempotency("whole"))

    done = at_once([partial(submit, unit()) for _ in range(6)])
    units = [r for r in done if isinstance(r, UnitOutcome)]
    assert sorted(one.replayed for one in units) == [False] + [True] * 5
    assert len({one.answer for one in units}) == 1
    assert amount_of(bob) == 6_000
    assert_books_are_sound()


def test_held_and_available_are_right_at_every_moment(mode: str, alice: User, bob: User) -> None:
    """Five threads hold 5 each and let go of it or capture 1, while two watch the books and what
    readers are shown: no more than 25 are ever held, no more than 10 are gone."""
    fund(alice, "100.00")
    working = threading.Event()
    working.set()

    def work(number: int) -> None:
        for turn in range(4):
            pending = submitted(transfer(alice, bob, "5.00", expires_at=in_an_hour()))
            captures = (number + turn) % 2
            submitted(capture(pending, "1.00") if captures else cancel(pending))

    def watch() -> int:
        looks, version = 0, 0
        while working.is_set() or not looks:
            with consistent_snapshot():
                balance = balance_of(alice)
                waiting = Transaction.objects.filter(status="pending", source=balance)
                held = waiting.aggregate(total=Sum("amount"))["total"] or 0
            assert balance.held == held <= 2_500
            assert balance.available == balance.amount - held
            assert 9_000 <= balance.amount <= 10_000
            shown = json.loads(shown_balances(alice.pk)["USD"])
            shown_held = Decimal(shown["held"])
            assert 0 <= shown_held <= 25
            assert Decimal(shown["available"]) == Decimal(shown["amount"]) - shown_held
            assert shown["version"] >= version
            version = shown["version"]
            looks += 1
        return looks

    with in_background() as start:
        watchers = [start(watch) for _ in range(2)]
        workers = [start(partial(work, number)) for number in range(5)]
        try:
            for worker in workers:
                worker.result(PATIENCE)
        finally:
            working.clear()
        assert all(watcher.result(PATIENCE) > 0 for watcher in watchers)
    assert standing(alice)[:3] == (9_000, 0, 9_000)
    assert amount_of(bob) == 1_000
    assert_books_are_sound()
