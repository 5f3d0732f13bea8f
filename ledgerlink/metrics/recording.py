"""A metric that can't be recorded is missing; what it measures goes on."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

logger = logging.getLogger(__name__)


@contextmanager
def unfailing() -> Iterator[None]:
    try:
        yield
    except Exception as error:  # noqa: BLE001 - whatever it is, the request is worth more
        logger.warning("a metric was not recorded: %r", error)
