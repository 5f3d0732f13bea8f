"""Counts of several processes: kept in memory, in a file soon, and counted on by a successor."""

import atexit
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, values
from prometheus_client.multiprocess import MultiProcessCollector

from bench.servers.process import REPOSITORY
from ledgerlink.metrics import shared_values
from ledgerlink.metrics.shared_values import SharedValues
from tests.concurrency import at_once, eventually


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    return tmp_path


class Worker:
    """The metrics of one process, under the name of its files."""

    def __init__(self, slot: str) -> None:
        self.slot = slot
        self.values = SharedValues(slot=lambda: self.slot)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(values, "ValueClass", self.values)
            self.paid = Counter("paid", "Payments.", registry=None)
            self.queue = Gauge("queue", "Waiting.", registry=None, multiprocess_mode="livesum")
            self.took = Histogram("took", "Seconds.", registry=None, buckets=(1, 2))


def added_up(name: str, **labels: str) -> float | None:
    registry = CollectorRegistry()
    MultiProcessCollector(registry)
    return registry.get_sample_value(name, labels)


@pytest.mark.usefixtures("directory")
def test_what_processes_have_written_is_added_up() -> None:
    first, second = Worker("0"), Worker("1")
    first.paid.inc(2)
    second.paid.inc()
    first.queue.set(3)
    second.queue.inc(2)
    second.queue.dec()
    for seconds in (0.5, 1.5, 1.5, 9):
        second.took.observe(seconds)
    assert added_up("paid_total") == 0
    for worker in (first, second):
        worker.values.write()
    assert added_up("paid_total") == 3
    assert added_up("queue") == 4
    assert [added_up("took_bucket", le=le) for le in ("1.0", "2.0", "+Inf")] == [1, 3, 4]
    assert added_up("took_sum") == 12.5


@pytest.mark.usefixtures("directory")
def test_a_successor_counts_on() -> None:
    before = Worker("0")
    before.paid.inc(5)
    before.values.write()
    before.paid.inc(100)  # and is killed
    after = Worker("0")
    after.paid.inc()
    after.values.write()
    assert added_up("paid_total") == 6


@pytest.mark.usefixtures("directory")
def test_metrics_made_before_the_fork_are_the_childs(monkeypatch: pytest.MonkeyPatch) -> None:
    predecessor = Worker("0")
    predecessor.paid.inc(5)
    predecessor.values.write()
    monkeypatch.setattr(shared_values, "WRITE_SECONDS", 0.001)
    monkeypatch.setattr(atexit, "register", lambda _write: None)
    child = Worker("master")
    child.slot = "0"
    child.values.begin()
    child.paid.inc()
    eventually(lambda: added_up("paid_total") == 6)


@pytest.mark.usefixtures("directory")
def test_threads_lose_no_count_while_it_is_written() -> None:
    worker = Worker("0")

    def count() -> None:
        for _ in range(5000):
            worker.paid.inc()

    def write() -> None:
        for _ in range(200):
            worker.values.write()

    assert at_once([count, count, count, count, write, write]) == [None] * 6
    worker.values.write()
    assert added_up("paid_total") == 20_000


_COUNT = """
import os, signal, sys
from prometheus_client import Counter, values
from ledgerlink.metrics import shared_values
shared_values.WRITE_SECONDS = 60
values.ValueClass = shared = shared_values.SharedValues(slot=lambda: "0")
shared.begin()
paid = Counter("paid", "Payments.")
paid.inc()
if sys.argv[1:]:
    shared.write()
    paid.inc()
    os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("kill", [False, True])
def test_a_process_that_ends_writes_and_one_that_is_killed_loses_the_last(
    directory: Path,
    kill: bool,  # noqa: FBT001 - a case
) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _COUNT, *["kill"] * kill],
        cwd=REPOSITORY,
        env={**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(directory)},
        check=False,
    )
    assert ended.returncode == (-signal.SIGKILL if kill else 0)
    assert added_up("paid_total") == 1
