"""Listening in for as long as a test needs it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from django.dispatch import Signal


def connected(signal: Signal, act: Callable[[], None]) -> AbstractContextManager[None]:
    """`act()` is called each time `signal` is sent."""
    return _received(signal, lambda **_kwargs: act())


@contextmanager
def heard(signal: Signal) -> Iterator[list[dict[str, Any]]]:
    """The arguments that `signal` is sent with, each time."""
    sent: list[dict[str, Any]] = []
    with _received(signal, lambda **kwargs: sent.append(kwargs)):
        yield sent


@contextmanager
def _received(signal: Signal, receive: Callable[..., None]) -> Iterator[None]:
    signal.connect(receive, weak=False)
    try:
        yield
    finally:
        signal.disconnect(receive)
