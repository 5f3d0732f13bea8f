"""Figures that are read from the database when Prometheus asks, and kept for a moment.

They are read in a thread of its own with a connection of its own: a database that stands still
makes the answer say so, and does not make it late.
"""

import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from django.db import Error, connections
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

logger = logging.getLogger(__name__)

WAIT_SECONDS = 2.0

Source = Callable[[], Iterable[Metric]]


@dataclass
class _Figures:
    source: Source
    keep: float  # seconds
    until: float = 0.0  # time.monotonic()
    metrics: Sequence[Metric] = field(default_factory=list)

    def refresh(self) -> None:
        """Raises a database error."""
        if time.monotonic() >= self.until:
            self.metrics = list(self.source())
            self.until = time.monotonic() + self.keep


_figures: list[_Figures] = []


def stored(*, keep: float) -> Callable[[Source], Source]:
    """Marks a function that reads figures of the database, which stay as they are for `keep`
    seconds."""

    def register(source: Source) -> Source:
        _figures.append(_Figures(source, keep))
        return source

    return register


Read = Callable[[], list[Metric]]
Reading = Future[list[Metric]]


def in_background(read: Read) -> Reading:
    """What `read` will have read. The thread is no obstacle to the end of the process."""
    reading = Reading()

    def run() -> None:
        finish(reading, read)
        connections.close_all()

    threading.Thread(target=run, name="metrics", daemon=True).start()
    return reading


def finish(reading: Reading, read: Read) -> None:
    try:
        reading.set_result(read())
    except BaseException as error:  # noqa: BLE001 - it is raised where the result is asked for
        reading.set_exception(error)


class StoredFigures(Collector):
    """While the database does not answer, only that is told."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._reading: Reading | None = None

    def collect(self) -> Iterable[Metric]:
        with self._lock:
            if self._reading is None or self._reading.done():
                self._reading = in_background(_read)
            reading = self._reading
        try:
            figures = reading.result(WAIT_SECONDS)
        except (Error, TimeoutError) as error:
            logger.warning("the database can't be read for metrics: %s", type(error).__name__)
            return [_up(0.0)]
        return [_up(1.0), *figures]


def _read() -> list[Metric]:
    """Raises a database error."""
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT 1")
    for figures in _figures:
        figures.refresh()
    return [metric for figures in _figures for metric in figures.metrics]


def _up(value: float) -> Metric:
    return GaugeMetricFamily(
        "ledger_database_up", "Whether the server can read the database: 1 or 0.", value=value
    )


def forget() -> None:
    """Read everything anew the next time."""
    for figures in _figures:
        figures.until = 0.0
