"""Real threads, each with database connections of its own, let loose at the same moment."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from django.db import connections

Result = TypeVar("Result")
PATIENCE = 30.0  # seconds


def at_once(calls: Sequence[Callable[[], Result]]) -> list[Result | Exception]:
    """What each call returned or raised, in the order of `calls`."""
    gate = threading.Barrier(len(calls))

    def run(call: Callable[[], Result]) -> Result | Exception:
        gate.wait(PATIENCE)
        try:
            return call()
        except Exception as error:  # noqa: BLE001 - handed to the test
            return error
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(PATIENCE) for future in [pool.submit(run, c) for c in calls]]
