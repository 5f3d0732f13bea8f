"""What a long command shows while it works, and how it is stopped between two steps."""

import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from django.core.management.base import OutputWrapper
from rich.console import Console
from rich.progress import (
    BarColumn,
    Progress,
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)

PLAIN_SECONDS = 5.0  # between two lines where there is no terminal
INTERRUPTED = 130  # the exit status of a program that was ended by Ctrl-C


class Shown(Protocol):
    def advance(self, done: int, words: str) -> None:
        """How far of the total it is, and a few words on it."""

    def say(self, text: str) -> None:
        """A line that stays."""


@contextmanager
def progress(
    out: OutputWrapper, label: str, total: int, *, hidden: bool = False
) -> Iterator[Shown]:
    """A bar while `out` is the terminal, else a line every few seconds; no progress if `hidden`."""
    if hidden or not out.isatty():
        yield _Lines(out, label, total, every=math.inf if hidden else PLAIN_SECONDS)
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[words]}"),
    )
    with Progress(*columns, console=Console(file=sys.stdout)) as bar:
        yield _Bar(bar, bar.add_task(label, total=total, words=""))


class _Bar:
    def __init__(self, bar: Progress, task: TaskID) -> None:
        self._bar = bar
        self._task = task

    def advance(self, done: int, words: str) -> None:
        self._bar.update(self._task, completed=done, words=words)

    def say(self, text: str) -> None:
        self._bar.console.print(text, markup=False, highlight=False)


class _Lines:
    def __init__(self, out: OutputWrapper, label: str, total: int, every: float) -> None:
        self._out = out
        self._label = label
        self._total = total
        self._every = every  # seconds
        self._next = time.monotonic() + every

    def advance(self, done: int, words: str) -> None:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            percent = 100 * done // max(self._total, 1)
            self.say(f"{self._label}: {percent}%, {words}")

    def say(self, text: str) -> None:
        self._out.write(text)
        self._out.flush()


@contextmanager
def stop_on_signal() -> Iterator[threading.Event]:
    """An event that the first Ctrl-C (or SIGTERM) sets; the second one acts as usual.

    Outside the main thread, where signals can't be handled, it stays unset.
    """
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def put_back() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def request(_number: int, _frame: FrameType | None) -> None:
        stop.set()
        put_back()

    for number in before:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        put_back()
