"""Writes that met another one: the database lets one of them go ahead and the other try again."""

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from django.db import OperationalError, connection

from ledgerlink.database_errors import is_collision

ATTEMPTS = 4
FIRST_PAUSE = 0.01  # seconds; doubled at each attempt, with jitter
PATIENCE = 15.0  # seconds, after which no further attempt begins

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


def retry_collisions(write: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Call `write`, which is one database transaction, again after a deadlock or lock timeout.

    Such a transaction was rolled back whole. The posting engine locks balances and then, through
    the foreign keys of what it inserts, users; a deletion must lock the user first. Within a
    caller's transaction nothing can be tried again.
    """

    @wraps(write)
    def tried(*args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        pause = FIRST_PAUSE
        deadline = time.monotonic() + PATIENCE
        for _ in range(ATTEMPTS - 1):
            try:
                return write(*args, **kwargs)
            except OperationalError as error:
                late = time.monotonic() > deadline
                if late or connection.in_atomic_block or not is_collision(error):
                    raise
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - jitter, not a secret
            pause *= 2
        return write(*args, **kwargs)

    return tried
