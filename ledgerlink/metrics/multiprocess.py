"""Metrics of all processes of a gunicorn server, added up by whichever is asked for them.

Each process writes files of its own (prometheus_client's multiprocess mode) twice a second. They
are named after the *slot* of a worker, which its successor takes over: a restart loses no count and
leaves no file behind. What is in progress (gauges called live) ends with its worker.

gunicorn calls the hooks by their names, from config/gunicorn.conf.py.
"""

import os
import shutil
import tempfile
import time
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from prometheus_client import values
from prometheus_client.multiprocess import mark_process_dead

from ledgerlink.metrics.shared_values import SharedValues

DIRECTORY = "PROMETHEUS_MULTIPROC_DIR"
IN_MEMORY = Path("/dev/shm")  # noqa: S108 - a private folder is made in it


@dataclass
class _ThisProcess:
    values: SharedValues | None = None
    slot: str = "master"
    made_directory: bool = False


_this = _ThisProcess()


def share(directory: str) -> None:
    """In `directory` or, when it is empty, in memory. Called in the process that will fork the
    workers, before any metric is made, and again when gunicorn reads its configuration anew."""
    if not directory:
        parent = IN_MEMORY if IN_MEMORY.is_dir() else None
        os.environ[DIRECTORY] = tempfile.mkdtemp(prefix="ledgerlink-metrics-", dir=parent)
        _this.made_directory = True
    values.ValueClass = _this.values = SharedValues(slot=lambda: _this.slot)


def is_shared() -> bool:
    return _this.values is not None


def write() -> None:
    """What this process has counted up to now, for whoever adds up."""
    if _this.values is not None:
        _this.values.write()


def count_alone_unless_shared() -> None:
    """Before the first metric. A management command counts for nobody, so it leaves no files,
    although it may find the server's directory in its environment."""
    if not is_shared():
        values.ValueClass = values.MutexValue


# --- Hooks of gunicorn ---


def on_starting(_server: Any) -> None:
    """Nothing of an earlier server is counted."""
    directory = Path(os.environ[DIRECTORY])
    directory.mkdir(parents=True, exist_ok=True)
    for file in directory.glob("*.db"):
        file.unlink()


def pre_fork(server: Any, worker: Any) -> None:
    taken = {other.metrics_slot for other in server.WORKERS.values()}
    worker.metrics_slot = next(slot for slot in count() if slot not in taken)


def post_fork(_server: Any, worker: Any) -> None:
    _this.slot = str(worker.metrics_slot)
    if _this.values is not None:
        _this.values.begin()


def post_worker_init(worker: Any) -> None:
    from ledgerlink.metrics import workers  # noqa: PLC0415 - makes metrics, which are the worker's

    workers.started(threads=worker.cfg.threads, at=time.time())


def child_exit(_server: Any, worker: Any) -> None:
    mark_process_dead(worker.metrics_slot)


def on_exit(server: Any) -> None:
    if _this.made_directory and not server.reexec_pid:
        shutil.rmtree(os.environ[DIRECTORY], ignore_errors=True)
