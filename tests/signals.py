"""Listening in for as long as a test needs it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.dispatch import Signal


@contextmanager
def connected(signal: Signal, act: Callable[[], None]) -> Iterator[None]:
    """`act()` is called each time `signal` is sent."""

    def receive(**_kwargs: Any) -> None:
        act()

    signal.connect(receive, weak=False)
    try:
        yield
    finally:
        signal.disconnect(receive)
