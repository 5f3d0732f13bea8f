"""Posting a batch against a database that may refuse, stall or vanish.

`post_units` posts independent units (the orders of one caller each) as one database transaction.
What can be tried again is: deadlocks, lock timeouts, lost connections, two processes that met on
one idempotency key. A batch that still fails is split, so that one poisoned unit cannot fail its
neighbours.
"""

import logging
import random
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import replace

from django.db import IntegrityError, connection

from balances.accounts import ConcurrentUpdate
from ledgerlink.context import serving
from ledgerlink.database_errors import is_collision, is_held_up, is_lost, never_connected
from ledgerlink.errors import Unavailable
from transactions.enums import FailureReason
from transactions.errors import OutcomeUnknown
from transactions.instructions import Unit, UnitOutcome
from transactions.posting import post
from transactions.recovery import already_posted
from transactions.signals import attempt_failed, batch_answered, batch_posted, batch_taken

logger = logging.getLogger(__name__)

Result = UnitOutcome | Exception
_Part = list[tuple[int, Unit]]  # units and their places in the batch

ATTEMPTS = 6
FIRST_PAUSE = 0.005  # seconds; doubled at each attempt, with jitter
PATIENCE = 15.0  # seconds, plus what one attempt takes: 5 at a lock, 30 at a server that stalls


def post_units(units: Sequence[Unit], *, dry_run: bool = False) -> list[Result]:
    """What became of each unit: its outcomes, or the exception that its caller shall get.

    No attempt begins later than PATIENCE after the first. What a lock holds up is split at once and
    goes to the end of the line, so that the units which need that lock are the last to wait for it.
    """
    batch_taken.send_robust(sender=None, units=units)
    try:
        return _post_in_parts(units, dry_run=dry_run)
    finally:
        batch_answered.send_robust(sender=None, units=units)


def _post_in_parts(units: Sequence[Unit], *, dry_run: bool) -> list[Result]:
    deadline = time.monotonic() + PATIENCE
    results: dict[int, Result] = {}
    line: deque[_Part] = deque([list(enumerate(units))])
    while line:
        part = line.popleft()
        with serving(unit.request for _, unit in part):
            results |= _post_part(part, line, deadline, dry_run=dry_run)
    return [results[place] for place in range(len(units))]


def _post_part(
    part: _Part, line: deque[_Part], deadline: float, *, dry_run: bool
) -> dict[int, Result]:
    """By the unit's place; nothing yet of what goes to the end of the line."""
    done: Sequence[Result]
    try:
        done = _post_with_retries([unit for _, unit in part], deadline, dry_run=dry_run)
    except Unavailable as error:
        done = [error for _ in part]
    except Exception as error:
        if len(part) > 1:
            logger.warning("a batch of %d is split: %s", len(part), type(error).__name__)
            line += [part[: len(part) // 2], part[len(part) // 2 :]]
            return {}
        if is_held_up(error) and not connection.in_atomic_block:
            line.append(part)
            return {}
        logger.exception("a batch could not be posted")
        done = [error]
    return {place: result for (place, _), result in zip(part, done, strict=True)}


def _post_with_retries(
    units: Sequence[Unit], deadline: float, *, dry_run: bool
) -> Sequence[UnitOutcome]:
    """Raises Unavailable when nothing was posted, OutcomeUnknown when it can't be told, and
    whatever else `post` raises."""
    if connection.in_atomic_block:  # a caller's transaction can't be retried from within
        return post(units, dry_run=dry_run)
    in_doubt = False  # a commit may have happened although its answer was lost
    pause = FIRST_PAUSE
    for attempt in range(1, ATTEMPTS + 1):
        if time.monotonic() > deadline:
            break
        try:
            return _attempt(units, in_doubt=in_doubt, dry_run=dry_run)
        except Exception as error:
            logger.info("attempt %d of a batch failed: %s", attempt, type(error).__name__)
            attempt_failed.send_robust(sender=None, reason=_reason(error))
            if is_lost(error):
                in_doubt = in_doubt or (not dry_run and _may_have_committed(error))
                connection.close()
            elif attempt == ATTEMPTS or not _is_tried_again(error, in_doubt=in_doubt):
                if in_doubt:  # posting it anew, in parts, could tell of a failure that was none
                    raise _outcome_unknown() from error
                raise
        time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
        pause *= 2
    if in_doubt:
        raise _outcome_unknown()
    raise Unavailable("The books can't be written to just now. Nothing was moved.", retry_after=2)


def _attempt(units: Sequence[Unit], *, in_doubt: bool, dry_run: bool) -> Sequence[UnitOutcome]:
    started = time.perf_counter()
    outcomes = _finish(units) if in_doubt else post(units, dry_run=dry_run)
    if not dry_run:
        seconds = time.perf_counter() - started
        batch_posted.send_robust(sender=None, units=units, seconds=seconds)
    return outcomes


def _is_tried_again(error: Exception, *, in_doubt: bool) -> bool:
    """In one piece. What a lock holds up is split instead, unless it may have been posted."""
    return _met_another(error) and (in_doubt or not is_held_up(error))


def _outcome_unknown() -> OutcomeUnknown:
    return OutcomeUnknown("Ask again with the same idempotency key.", retry_after=2)


def _finish(units: Sequence[Unit]) -> list[UnitOutcome]:
    """Take what the interrupted attempt committed, and post what it did not. What has a key, as
    every settlement does, is replayed if it was committed."""
    done = already_posted([o for unit in units if unit.idempotency is None for o in unit.orders])
    rest = [replace(unit, orders=[o for o in unit.orders if o.id not in done]) for unit in units]
    anew = iter(post([unit for unit in rest if unit.orders], recovering=True))
    whole = []
    for unit, left in zip(units, rest, strict=True):
        posted = next(anew) if left.orders else UnitOutcome([])
        if unit.idempotency is None:
            outcomes = iter(posted.outcomes)
            posted = UnitOutcome([done.get(o.id) or next(outcomes) for o in unit.orders])
        whole.append(posted)
    return whole


def _reason(error: Exception) -> str:
    """Why an attempt failed, in a word."""
    if is_lost(error):
        return FailureReason.CONNECTION
    if is_held_up(error):
        return FailureReason.LOCK
    return FailureReason.COLLISION if _met_another(error) else FailureReason.ERROR


def _may_have_committed(error: BaseException | None) -> bool:
    """Whether a connection that was open is gone. Django reconnects as it leaves `atomic`, so the
    error of a commit can hide behind that of a server that can't be reached any more."""
    while error is not None:
        if is_lost(error) and not never_connected(error):
            return True
        error = error.__context__
    return False


def _met_another(error: Exception) -> bool:
    """Two writers met: on a lock, on a version, or on a unique key (which the next attempt then
    finds taken and replays)."""
    return is_collision(error) or isinstance(error, (ConcurrentUpdate, IntegrityError))
