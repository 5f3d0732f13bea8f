"""Metrics of several processes: whichever answers tells of all, and a restart loses nothing but
what a killed worker has counted in its last half second."""

import os
import signal
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.concurrency import eventually
from tests.e2e.world import WORKERS, client, register
from tests.faults.test_crashes import paying, replaced, workers_of
from tests.servers import LedgerServer

Scrape = dict[tuple[str, ...], float]

TRANSFERS = ("ledger_transactions_total", "completed", "transfer")
RESPONSES = (
    "django_http_responses_total_by_status_view_method_total",
    "POST",
    "201",
    "transaction-transfer",
)
IN_PROGRESS = ("ledger_http_requests_in_progress",)
ACTIVE = ("ledger_active_transactions", "transfer")
QUEUE = ("ledger_posting_queue_depth",)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("metrics")
    (made / "counter_77.db").write_bytes(b"of a server that was here before")
    return made


@pytest.fixture(scope="module")
def server(env: Mapping[str, str], directory: Path) -> Iterator[LedgerServer]:
    with LedgerServer({**env, "PROMETHEUS_MULTIPROC_DIR": str(directory)}) as running:
        yield running


def scrape(server: LedgerServer) -> Scrape:
    """Values by name and by the labels' values, in the order of their names; over a connection of
    its own, so by any of the processes."""
    answer = httpx.get(f"{server.url}/metrics", timeout=10)
    assert answer.status_code == 200, answer.text
    return {
        (sample.name, *(sample.labels[name] for name in sorted(sample.labels))): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def started(found: Scrape) -> set[float]:
    """When each worker was."""
    return {value for (name, *_), value in found.items() if name.startswith("ledger_worker_start")}


def pay_at_once(server: LedgerServer) -> None:
    """Forty transfers, each over a connection of its own, so by any of the processes."""
    alice, bob = register(server, "100.00"), register(server)

    def pay(_number: int) -> int:
        with client(server.url, alice.token) as http:
            body: Any = {"to_user_id": bob.id, "amount": "1.00"}
            return http.post("transactions/transfer", json=body).status_code

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(pay, range(40))) == [201] * 40


def at_rest(found: Scrape) -> bool:
    return (found[IN_PROGRESS], found[ACTIVE], found[QUEUE]) == (0, 0, 0)


def test_any_process_tells_what_all_have_counted(server: LedgerServer) -> None:
    before = scrape(server)
    pay_at_once(server)
    eventually(lambda: scrape(server)[TRANSFERS] - before.get(TRANSFERS, 0) == 40)
    eventually(lambda: at_rest(scrape(server)))
    for _ in range(4 * WORKERS):
        found = scrape(server)
        assert found[TRANSFERS] - before.get(TRANSFERS, 0) == 40
        assert found[RESPONSES] - before.get(RESPONSES, 0) == 40
        assert at_rest(found)
        assert len(started(found)) == WORKERS


def test_workers_that_end_have_written_what_they_counted(server: LedgerServer) -> None:
    before = scrape(server)
    pay_at_once(server)
    told = set(workers_of(server))
    for pid in told:
        os.kill(pid, signal.SIGTERM)
    eventually(lambda: replaced(server, told))
    found = scrape(server)
    assert found[TRANSFERS] - before.get(TRANSFERS, 0) == 40
    assert found[RESPONSES] - before.get(RESPONSES, 0) == 40


def test_workers_killed_under_load_are_counted_on(server: LedgerServer, directory: Path) -> None:
    eventually(lambda: len(started(scrape(server))) == WORKERS)  # whose files are all there
    files = {file.name for file in directory.iterdir()}
    assert "counter_77.db" not in files
    with paying(server) as (running, _alice, bob):
        eventually(lambda: len(running.acknowledged) > 20)
        before = scrape(server)
        victims = set(workers_of(server))
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        eventually(lambda: replaced(server, victims))
        paid = len(running.acknowledged)
        eventually(lambda: len(running.acknowledged) > paid + 20)
    eventually(lambda: len(started(scrape(server)) - started(before)) == WORKERS)
    eventually(lambda: scrape(server)[TRANSFERS] >= before[TRANSFERS] + 20)
    eventually(lambda: at_rest(scrape(server)))
    found = scrape(server)
    assert started(found).isdisjoint(started(before))
    assert len(started(found)) == WORKERS
    assert found["process_cpu_seconds_total",] >= before["process_cpu_seconds_total",]
    assert {file.name for file in directory.iterdir()} == files
    assert bob.amount() == f"{len(bob.transaction_ids())}.00"
