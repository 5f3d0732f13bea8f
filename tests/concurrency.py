"""Real threads for tests: started at once, held at a gate, waited for by condition."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any, Self, TypeVar

from django.db import connections
from django.dispatch import Signal

from transactions.instructions import Order, Outcome, Unit
from transactions.processor import submit
from transactions.signals import transactions_posted

PATIENCE = 60.0  # seconds until a test gives up on what never comes, on a busy machine

Result = TypeVar("Result")
Given = TypeVar("Given")


def at_once(calls: Sequence[Callable[[], Result]]) -> list[Result | Exception]:
    """Run each call in a thread of its own, all released at the same moment; the answers, or what
    was raised, in the order of `calls`."""
    barrier = threading.Barrier(len(calls))

    def run(call: Callable[[], Result]) -> Result | Exception:
        try:
            barrier.wait(PATIENCE)
            return call()
        except Exception as error:  # noqa: BLE001 - it is the answer
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(run, calls))


def post_at_once(asked: Sequence[Order]) -> list[Outcome]:
    """Each order by a thread of its own; the outcomes in the same order, or what was raised."""
    results = at_once([partial(submit, Unit([one])) for one in asked])
    outcomes: list[Outcome] = []
    for result in results:
        if isinstance(result, Exception):
            raise result
        outcomes += result.outcomes
    return outcomes


def tally(outcomes: Sequence[Outcome]) -> dict[str, int]:
    """How many were refused by which code, and how many `completed` (or held, or cancelled)."""
    return Counter(o.error.code if o.error is not None else "completed" for o in outcomes)


@contextmanager
def in_background() -> Iterator[Callable[[Callable[[], Any]], Future[Any]]]:
    """Gives `start(call)`; each call has a thread of its own, and all have ended after."""

    def closing(call: Callable[[], Any]) -> Any:
        try:
            return call()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(50) as pool:
        yield lambda call: pool.submit(closing, call)


def eventually(condition: Callable[[], Given | None]) -> Given:
    """Wait until `condition()` gives something true, and return that; fails after PATIENCE."""
    deadline = time.monotonic() + PATIENCE
    while not (given := condition()):
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.002)
    return given


class Gate:
    """Holds every batch inside its database transaction, before the commit, until opened."""

    def __init__(self, signal: Signal = transactions_posted) -> None:
        self._signal = signal
        self._open = threading.Event()
        self.batches: list[int] = []  # the size of each that came by

    def open(self) -> None:
        self._open.set()

    def _hold(self, posted: Sequence[Any], **_kwargs: Any) -> None:
        self.batches.append(len(posted))
        assert self._open.wait(PATIENCE)

    def __enter__(self) -> Self:
        self._signal.connect(self._hold, weak=False)
        return self

    def __exit__(self, *_error: object) -> None:
        self.open()
        self._signal.disconnect(self._hold)
