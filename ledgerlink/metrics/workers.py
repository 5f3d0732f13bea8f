"""What each worker of gunicorn says of itself; `pid` is the worker's slot."""

from prometheus_client import Gauge

_threads = Gauge(
    "ledger_worker_threads",
    "Threads of a worker: as many requests at once, the others wait.",
    multiprocess_mode="liveall",
)
_started = Gauge(
    "ledger_worker_start_time_seconds",
    "When the worker was ready, since the epoch: a change is a restart.",
    multiprocess_mode="liveall",
)


def started(*, threads: int, at: float) -> None:
    """`at` is seconds since the epoch."""
    _threads.set(threads)
    _started.set(at)
