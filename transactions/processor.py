"""Feeds the posting engine: group commit.

Each request hands its instructions to the poster thread of its process and waits. The poster
takes whatever is waiting, without any delay of its own, posts it as one database transaction and
answers each. A lone request costs what it did; under load, the locks, the round trips and the
fsync are shared. Correctness rests on the database alone: any number of processes may do this.
"""

import atexit
import logging
import os
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from functools import lru_cache

from django.conf import settings
from django.db import close_old_connections, connections

from ledgerlink.context import serving
from transactions.batches import Result, post_units
from transactions.errors import OutcomeUnknown, PostingTimedOut, QueueFull
from transactions.expiry import expire_pending
from transactions.instructions import Order, Outcome, Unit, UnitOutcome
from transactions.signals import queue_changed, unit_answered, unit_submitted

logger = logging.getLogger(__name__)

IDLE_SECONDS = 15.0  # without work, before the poster tidies up
GRACE_SECONDS = 60.0  # for a batch that was taken, more than `transactions.batches` ever takes


def submit(unit: Unit) -> UnitOutcome:
    """Post the orders of one caller, through the queue of this process.

    Raises QueueFull, PostingTimedOut or Unavailable when nothing was posted, OutcomeUnknown when
    that can't be told, and a database error that belongs to these orders alone.
    """
    submitted = time.perf_counter()
    unit_submitted.send_robust(sender=None, unit=unit)
    result: Result = OutcomeUnknown("The server was stopped.")
    try:
        result = _posted(unit)
        return _unwrap(result)
    except Exception as error:
        result = error
        raise
    finally:
        seconds = time.perf_counter() - submitted
        unit_answered.send_robust(sender=None, unit=unit, result=result, seconds=seconds)


def _posted(unit: Unit) -> Result:
    if settings.POSTING_MODE == "direct":
        return post_units([unit])[0]
    return processor().submit(unit)


def try_out(unit: Unit) -> UnitOutcome:
    """What `submit` would answer now; nothing is kept. Raises as `submit` does."""
    return _unwrap(post_units([unit], dry_run=True)[0])


def post_directly(orders: Sequence[Order]) -> list[Outcome]:
    """Post in the calling thread: for commands and for tests. Raises as `submit` does."""
    return _unwrap(post_units([Unit(orders)])[0]).outcomes


def _unwrap(result: Result) -> UnitOutcome:
    if isinstance(result, Exception):
        raise result
    return result


class _Ticket:
    """The orders of one caller on their way through the queue. Its one caller waits at a lock: an
    Event takes three."""

    __slots__ = ("_pending", "result", "unit")

    def __init__(self, unit: Unit) -> None:
        self.unit = unit
        self.result: Result | None = None
        self._pending = threading.Lock()
        self._pending.acquire()

    def is_done(self, *, within: float) -> bool:
        """Waits for it, at most so many seconds. Asked again only after False."""
        return self._pending.acquire(timeout=within)

    def finish(self, result: Result) -> None:
        self.result = result
        self._pending.release()


class Processor:
    """A bounded queue and the one thread that empties it.

    `queue_size` and `batch_size` count instructions. The thread starts with the first
    instruction or with `start`, in whichever process that is, so it is safe to fork before. While
    it has had nothing to do for `idle_seconds` it calls `when_idle`.
    """

    def __init__(
        self,
        *,
        queue_size: int,
        batch_size: int,
        timeout: float,
        when_idle: Callable[[], object] = lambda: None,
        idle_seconds: float = IDLE_SECONDS,
    ) -> None:
        self._queue_size = queue_size
        self._batch_size = batch_size
        self._timeout = timeout  # seconds
        self._when_idle = when_idle
        self._idle_seconds = idle_seconds
        self._begin_anew()
        os.register_at_fork(after_in_child=self._begin_anew)

    def _begin_anew(self) -> None:
        self._condition = threading.Condition()
        self._queue: deque[_Ticket] = deque()
        self._waiting = 0
        self._closed = False
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Start the thread before there is work, so that it tidies up."""
        with self._condition:
            self._start()

    def submit(self, unit: Unit) -> UnitOutcome:
        ticket = _Ticket(unit)
        self._enqueue(ticket)
        if not ticket.is_done(within=self._timeout):
            self._withdraw(ticket)
            if not ticket.is_done(within=GRACE_SECONDS):
                raise OutcomeUnknown("Ask again with the same idempotency key.")
        assert ticket.result is not None
        return _unwrap(ticket.result)

    def close(self) -> None:
        """Post what is waiting, then end the thread. Instructions that come later are refused."""
        with self._condition:
            self._closed = True
            self._condition.notify_all()
            thread = self._thread
        if thread is not None:
            thread.join()

    def _enqueue(self, ticket: _Ticket) -> None:
        with self._condition:
            if self._closed:
                raise QueueFull("The server is shutting down. Nothing was moved.")
            if self._waiting + len(ticket.unit.orders) > self._queue_size:
                raise QueueFull("Too many transactions are waiting. Nothing was moved.")
            self._start()
            self._queue.append(ticket)
            self._waiting += len(ticket.unit.orders)
            self._condition.notify()
        queue_changed.send_robust(sender=None, by=len(ticket.unit.orders))

    def _start(self) -> None:
        if self._thread is None:
            thread = threading.Thread(target=self._run, name="poster", daemon=True)
            thread.start()  # may fail, and then nothing is left behind
            self._thread = thread

    def _withdraw(self, ticket: _Ticket) -> None:
        """Take the ticket back if the poster has not taken it yet. Raises PostingTimedOut."""
        with self._condition:
            if ticket not in self._queue:
                return
            self._queue.remove(ticket)
            self._waiting -= len(ticket.unit.orders)
        queue_changed.send_robust(sender=None, by=-len(ticket.unit.orders))
        raise PostingTimedOut("It was not its turn in time. Nothing was moved.")

    def _run(self) -> None:
        while (tickets := self._take()) is not None:
            if tickets:
                self._post(tickets)
            else:
                self._tidy_up()
        connections.close_all()

    def _post(self, tickets: Sequence[_Ticket]) -> None:
        units = [ticket.unit for ticket in tickets]
        with serving(unit.request for unit in units):
            results = self._results(units)
        for ticket, result in zip(tickets, results, strict=True):
            ticket.finish(result)

    @staticmethod
    def _results(units: Sequence[Unit]) -> Sequence[Result]:
        try:
            close_old_connections()
            return post_units(units)
        except BaseException as error:  # the thread must outlive anything that a batch does
            logger.exception("the poster met an unexpected error")
            unknown = OutcomeUnknown(f"An unexpected error: {type(error).__name__}.")
            return [unknown for _ in units]

    def _tidy_up(self) -> None:
        try:
            close_old_connections()
            self._when_idle()
        except Exception:  # the database may be away; the next time is soon
            logger.warning("the poster could not tidy up", exc_info=True)

    def _take(self) -> list[_Ticket] | None:
        """Wait for work and take as much as one batch may hold: nothing when there was none for
        a while, None once closed and empty."""
        with self._condition:
            if not self._queue and not self._closed:
                self._condition.wait(self._idle_seconds)
            if not self._queue and self._closed:
                return None
            tickets: list[_Ticket] = []
            size = 0
            while self._queue and (
                not tickets or size + len(self._queue[0].unit.orders) <= self._batch_size
            ):
                ticket = self._queue.popleft()
                size += len(ticket.unit.orders)
                tickets.append(ticket)
            self._waiting -= size
        if size:
            queue_changed.send_robust(sender=None, by=-size)
        return tickets


@lru_cache(maxsize=1)
def processor() -> Processor:
    """The processor of this process; it ends in good order when the process does."""
    made = Processor(
        queue_size=settings.POSTING_QUEUE_SIZE,
        batch_size=settings.POSTING_BATCH_SIZE,
        timeout=settings.POSTING_TIMEOUT_SECONDS,
        when_idle=expire_pending,
    )
    atexit.register(made.close)
    return made
