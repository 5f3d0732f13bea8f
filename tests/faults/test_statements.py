"""A fault before and after each statement that a request which moves money sends: all of it is in
the books or nothing, what was answered is what is there, and the key makes up for the rest."""

import multiprocessing
import signal
from collections.abc import Callable
from random import Random

import pytest
from django.db import connections

from tests.books import assert_books_are_sound
from tests.concurrency import PATIENCE
from tests.faults.movements import MOVEMENTS, Books, Cast, Movement, funded
from tests.faults.statements import FAULTS, counted, fault_at, killed
from tests.signals import connected
from transactions.reconciliation import reconcile
from transactions.signals import batch_posted
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)
NOTHING: tuple[object, ...] = ([], (0, 0, 0, 0, 0))


@pytest.fixture
def cast(alice: User, bob: User) -> Cast:
    return funded(alice, bob)


class Clean:
    """How a movement goes when nothing happens."""

    def __init__(self, movement: Movement) -> None:
        before = Books.now()
        with counted() as statements:
            self.status = movement.send().status_code
        self.statements = statements.sent
        self.effect = Books.now().since(before)
        assert self.status in (200, 201, 422)
        assert self.effect != NOTHING


def assert_made_up_for(movement: Movement, before: Books, clean: Clean, *, told: bool) -> None:
    """All or nothing is there (all of it if it was `told`), and afterwards all of it, once."""
    there = Books.now().since(before)
    assert there == clean.effect if told else there in (NOTHING, clean.effect)
    again = movement.send()
    assert again.status_code == clean.status, again.content
    assert (again.get("Idempotent-Replayed") == "true") == (there == clean.effect)
    assert Books.now().since(before) == clean.effect


@pytest.mark.parametrize("make", MOVEMENTS.values(), ids=MOVEMENTS)
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_fault_at_any_statement_leaves_all_or_nothing(
    make: Callable[[Cast], Movement], cast: Cast, dice: Random
) -> None:
    """Which fault strikes where is drawn anew in each run."""
    clean = Clean(make(cast))
    for number in range(1, clean.statements + 1):
        for after in (False, True):
            movement = make(cast)
            before = Books.now()
            name = dice.choice([*FAULTS, "killed"])
            if name == "killed":
                send_and_die(movement, number, after=after)
                told = False
            else:
                with fault_at(number, FAULTS[name], after=after) as statement:
                    answer = movement.send()
                connections.close_all()  # as the next request does with one that is gone
                assert statement.happened
                allowed = {clean.status, 500 if name == "refused for good" else 503}
                assert answer.status_code in allowed, (name, after, statement.sql, answer.content)
                told = answer.status_code == clean.status
            assert_made_up_for(movement, before, clean, told=told)
    movement = make(cast)
    before = Books.now()
    with connected(batch_posted, killed):  # between the commit and the answer
        assert_dies(movement.send)
    assert_made_up_for(movement, before, clean, told=True)
    assert_books_are_sound()
    assert [proof for proof in reconcile() if proof.breaches] == []


def send_and_die(movement: Movement, number: int, *, after: bool) -> None:
    with fault_at(number, killed, after=after):
        assert_dies(movement.send)


def assert_dies(call: Callable[[], object]) -> None:
    """In a process of its own, by SIGKILL."""
    connections.close_all()  # the child opens its own
    child = multiprocessing.get_context("fork").Process(target=call)
    child.start()
    child.join(PATIENCE)
    assert child.exitcode == -signal.SIGKILL
