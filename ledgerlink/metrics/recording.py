"""A metric that can't be recorded is missing; what it measures goes on."""

import logging
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec

logger = logging.getLogger(__name__)

P = ParamSpec("P")


def unfailing(record: Callable[P, None]) -> Callable[P, None]:
    """A decorator, which costs a third of what a context manager does."""

    @wraps(record)
    def attempt(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            record(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - whatever it is, the request is worth more
            logger.warning("a metric was not recorded: %r", error)

    return attempt
