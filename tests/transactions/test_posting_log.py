"""Lines of the poster thread, in which the ids of the requests that it works for stand."""

import json
import logging
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from typing import Any

import pytest

from ledgerlink import logs
from ledgerlink.context import RequestContext
from tests.books import SYSTEM, fund, transfer
from tests.concurrency import Gate, eventually, in_background
from transactions.instructions import Unit
from transactions.processor import Processor, submit
from users.models import User

pytestmark = pytest.mark.usefixtures("transactional_db")

GOOD: dict[str, Any] = {}
POISON: dict[str, Any] = {"metadata": {"x": object()}}


class Lines(logging.Handler):
    """What is written in production."""

    def __init__(self) -> None:
        super().__init__()
        line = dict(logs.logging_config(level="INFO", as_json=True)["formatters"]["line"])
        self.setFormatter(line.pop("()")(**line))
        self.written: list[dict[str, Any]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.written.append(json.loads(self.format(record)))


@pytest.fixture
def lines() -> Iterator[Lines]:
    logger, handler = logging.getLogger("transactions"), Lines()
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield handler
    logger.setLevel(logging.NOTSET)
    logger.removeHandler(handler)


def request(name: str) -> RequestContext:
    return RequestContext(name, f"trace of {name}")


def test_a_line_tells_for_which_requests_the_poster_works(
    alice: User, bob: User, queued: Processor, lines: Lines
) -> None:
    fund(alice, "100.00")

    def ask(name: str, fields: dict[str, Any]) -> None:
        actor = replace(SYSTEM, request=request(name))
        submit(Unit([transfer(alice, bob, "1.00", actor=actor, **fields)]))

    with in_background() as start, Gate() as gate:
        asked = [start(partial(ask, "first", GOOD))]  # the poster is busy with it
        eventually(lambda: len(gate.batches) == 1)
        for waiting, (name, fields) in enumerate([("good", GOOD), ("bad", POISON)], 1):
            asked.append(start(partial(ask, name, fields)))
            eventually(lambda: len(queued._queue) == waiting)  # noqa: B023 - called at once
        gate.open()
        errors = [future.exception() for future in asked]
    assert [type(error) for error in errors] == [type(None), type(None), TypeError]
    ids = ("event", "request_id", "trace_id", "requests", "request_ids", "trace_ids")
    told = [tuple(line[name] for name in ids if name in line) for line in lines.written]
    both = (2, ["good", "bad"], ["trace of good", "trace of bad"])
    assert told == [
        ("attempt 1 of a batch failed: TypeError", *both),
        ("a batch of 2 is split: TypeError", *both),
        ("attempt 1 of a batch failed: TypeError", "bad", "trace of bad"),
        ("a batch could not be posted", "bad", "trace of bad"),
    ]
