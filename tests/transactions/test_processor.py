"""The queue in front of the books: shared commits, right answers, and an end in good order."""

import multiprocessing
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import pytest

from tests.books import (
    amount_of,
    assert_books_are_sound,
    deposit,
    expire,
    fund,
    hold,
    idempotency,
    standing,
    stored,
    transfer,
)
from tests.concurrency import PATIENCE, Gate, eventually, in_background
from transactions.errors import OutcomeUnknown, PostingTimedOut, QueueFull
from transactions.expiry import expire_pending
from transactions.instructions import Unit, UnitOutcome
from transactions.models import Transaction
from transactions.processor import Processor, submit
from transactions.signals import transactions_posted
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@contextmanager
def processor_with(**options: Any) -> Iterator[Processor]:
    made = Processor(**{"queue_size": 1_000, "batch_size": 500, "timeout": PATIENCE, **options})
    try:
        yield made
    finally:
        made.close()


def amount(done: UnitOutcome) -> int:
    (outcome,) = done.outcomes
    assert outcome.error is None
    assert outcome.transaction is not None
    return outcome.transaction.amount


def wait_until_queued(processor: Processor, instructions: int) -> None:
    eventually(lambda: processor._waiting == instructions)


def test_lone_instruction_is_posted_by_the_poster_thread(alice: User, queued: Processor) -> None:
    posters: list[str] = []

    def note(**_kwargs: Any) -> None:
        posters.append(threading.current_thread().name)

    transactions_posted.connect(note)
    assert amount(submit(Unit([deposit(alice, "1.00")]))) == 100
    assert posters == ["poster"]
    assert amount_of(alice) == 100


def test_callers_who_wait_share_one_commit_and_each_gets_their_own_answer(
    alice: User, bob: User, queued: Processor
) -> None:
    fund(alice, "100.00")
    with in_background() as start, Gate() as gate:
        first = start(lambda: submit(Unit([transfer(alice, bob, "0.50")])))
        eventually(lambda: gate.batches == [1])
        cents = range(1, 31)
        asked = [transfer(alice, bob, f"0.{n:02}") for n in cents]
        waiting = [start(partial(submit, Unit([one]))) for one in asked]
        wait_until_queued(queued, 30)
        gate.open()
        answers = [future.result() for future in waiting]
        assert amount(first.result()) == 50
    assert gate.batches == [1, 30]
    assert [amount(answer) for answer in answers] == list(cents)
    kept = [answer.outcomes[0].transaction for answer in answers]
    ids = [transaction.pk for transaction in kept if transaction is not None]
    assert ids == [i.id for i in asked]
    assert amount_of(bob) == 50 + sum(cents)
    assert_books_are_sound()


def test_batch_is_no_larger_than_it_may_be_and_keeps_units_whole(alice: User, bob: User) -> None:
    with processor_with(batch_size=4) as processor, in_background() as start, Gate() as gate:
        first = start(lambda: processor.submit(Unit([deposit(alice, "1.00")])))
        eventually(lambda: gate.batches == [1])
        waiting = []
        for size, queued in [(3, 3), (2, 5), (7, 12), (1, 13)]:
            unit = [deposit(bob, "1.00", group=f"group of {size}") for _ in range(size)]
            waiting.append(start(partial(processor.submit, Unit(unit))))
            wait_until_queued(processor, queued)
        gate.open()
        assert [len(future.result().outcomes) for future in (first, *waiting)] == [1, 3, 2, 7, 1]
    assert gate.batches == [1, 3, 2, 7, 1]
    assert amount_of(bob) == 1_300


def test_full_queue_refuses_and_moves_nothing(alice: User) -> None:
    with processor_with(queue_size=2) as processor, in_background() as start, Gate() as gate:
        taken = start(lambda: processor.submit(Unit([deposit(alice, "1.00")])))
        eventually(lambda: gate.batches == [1])
        waiting = start(
            lambda: processor.submit(Unit([deposit(alice, "2.00"), deposit(alice, "4.00")]))
        )
        wait_until_queued(processor, 2)
        with pytest.raises(QueueFull) as refusal:
            processor.submit(Unit([deposit(alice, "8.00")]))
        assert refusal.value.retry_after == 1
        gate.open()
        assert amount(taken.result()) == 100
        assert len(waiting.result().outcomes) == 2
        assert amount(processor.submit(Unit([deposit(alice, "16.00")]))) == 1_600
    assert amount_of(alice) == 2_300


def test_instruction_that_was_not_taken_in_time_is_withdrawn(alice: User) -> None:
    with processor_with(timeout=0.05) as processor, in_background() as start, Gate() as gate:
        taken = start(lambda: processor.submit(Unit([deposit(alice, "1.00")])))
        eventually(lambda: gate.batches == [1])
        with pytest.raises(PostingTimedOut):
            processor.submit(Unit([deposit(alice, "2.00")]))
        assert processor._waiting == 0
        gate.open()
        assert amount(taken.result()) == 100  # was taken, so its caller waits on
    assert (amount_of(alice), Transaction.objects.count()) == (100, 1)


def test_close_posts_what_waits_and_refuses_what_comes_later(alice: User) -> None:
    with processor_with() as processor, in_background() as start, Gate() as gate:
        waiting = [start(lambda: processor.submit(Unit([deposit(alice, "1.00")])))]
        eventually(lambda: gate.batches == [1])
        waiting += [
            start(lambda: processor.submit(Unit([deposit(alice, "1.00")]))) for _ in range(5)
        ]
        wait_until_queued(processor, 5)
        closing = start(processor.close)
        eventually(lambda: processor._closed)
        with pytest.raises(QueueFull):
            processor.submit(Unit([deposit(alice, "9.00")]))
        gate.open()
        closing.result()
        assert [amount(future.result()) for future in waiting] == [100] * 6
        assert processor._thread is not None
        assert not processor._thread.is_alive()
    assert amount_of(alice) == 600


def test_processor_that_was_never_used_closes() -> None:
    with processor_with() as processor:
        processor.close()
    assert processor._thread is None


@pytest.mark.parametrize("error", [RuntimeError, SystemExit, KeyboardInterrupt])
def test_poster_outlives_what_a_batch_raises(
    error: type[BaseException], alice: User, queued: Processor
) -> None:
    def fail(**_kwargs: Any) -> None:
        raise error

    transactions_posted.connect(fail)
    with pytest.raises(RuntimeError if error is RuntimeError else OutcomeUnknown):
        submit(Unit([deposit(alice, "1.00")]))
    transactions_posted.disconnect(fail)
    assert amount(submit(Unit([deposit(alice, "2.00")]))) == 200
    assert (amount_of(alice), Transaction.objects.count()) == (200, 1)


def test_poster_outlives_a_connection_that_cannot_be_tidied(
    alice: User, queued: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail() -> None:
        raise OSError("the socket is gone")

    with monkeypatch.context() as patch:
        patch.setattr("transactions.processor.close_old_connections", fail)
        with pytest.raises(OutcomeUnknown):
            submit(Unit([deposit(alice, "1.00")]))
    assert amount(submit(Unit([deposit(alice, "2.00")]))) == 200


def test_thread_that_cannot_be_started_refuses_this_caller_only(
    alice: User, queued: Processor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_thread: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    with monkeypatch.context() as patch:
        patch.setattr(threading.Thread, "start", fail)
        with pytest.raises(RuntimeError, match="can't start"):
            submit(Unit([deposit(alice, "1.00")]))
    assert amount(submit(Unit([deposit(alice, "2.00")]))) == 200
    assert (amount_of(alice), Transaction.objects.count()) == (200, 1)


def test_poisoned_instruction_in_the_queue_fails_its_own_caller(
    alice: User, queued: Processor
) -> None:
    with in_background() as start, Gate() as gate:
        first = start(lambda: submit(Unit([deposit(alice, "1.00")])))
        eventually(lambda: gate.batches == [1])
        asked = [deposit(alice, "1.00") for _ in range(6)]
        asked.insert(3, deposit(alice, "1.00", description="\ud800"))
        waiting = [start(partial(submit, Unit([one]))) for one in asked]
        wait_until_queued(queued, 7)
        gate.open()
        raised = [future.exception() for future in waiting]
        assert amount(first.result()) == 100
    assert [type(error) for error in raised if error is not None] == [UnicodeEncodeError]
    assert raised[3] is not None
    assert amount_of(alice) == 700


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_child_process_has_a_poster_of_its_own(alice: User, queued: Processor) -> None:
    assert amount(submit(Unit([deposit(alice, "1.00")]))) == 100
    context = multiprocessing.get_context("fork")
    answers = context.Queue()

    def post_in_child() -> None:
        outcome = submit(Unit([deposit(alice, "2.00", idempotency=idempotency("child"))]))
        answers.put((os.getpid(), amount(outcome)))

    child = context.Process(target=post_in_child)
    child.start()
    assert answers.get(timeout=PATIENCE) == (child.pid, 200)
    child.join(PATIENCE)
    assert child.exitcode == 0
    assert amount(submit(Unit([deposit(alice, "4.00")]))) == 400
    assert amount_of(alice) == 700
    assert_books_are_sound()


def test_poster_without_work_lets_go_what_has_expired(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    over = hold(alice, bob, "4.00")
    expire(over)
    with processor_with(when_idle=expire_pending, idle_seconds=0.01) as processor:
        processor.start()
        eventually(lambda: stored(over).status == "cancelled")
    assert standing(alice)[:3] == (1_000, 0, 1_000)


def test_poster_that_could_not_tidy_up_posts_on(alice: User) -> None:
    tried = threading.Event()

    def fail() -> None:
        tried.set()
        raise ZeroDivisionError

    with processor_with(when_idle=fail, idle_seconds=0.01) as processor:
        processor.start()
        assert tried.wait(PATIENCE)
        assert amount(processor.submit(Unit([deposit(alice, "1.00")]))) == 100
