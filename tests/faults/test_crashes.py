"""Processes that end or are killed under load: what was answered is in the books, once."""

import os
import signal
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from tests.concurrency import at_once, eventually
from tests.e2e.world import STANDARD, WORKERS, Account, register
from tests.faults.storm import Storm, answers, codes, storm
from tests.servers import LedgerServer


def workers_of(server: LedgerServer) -> list[int]:
    children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text()
    return [int(pid) for pid in children.split()]


def replaced(server: LedgerServer, gone: set[int]) -> bool:
    """Whether as many new workers are there."""
    return len(set(workers_of(server)) - gone) == WORKERS


def more_than(running: Storm, payments: int) -> bool:
    return len(running.acknowledged) > payments


@contextmanager
def paying(server: LedgerServer) -> Iterator[tuple[Storm, Account, Account]]:
    """Six clients through whom Alice pays Bob all the while."""
    alice, bob = register(server, "10000.00"), register(server)
    with storm(*[(alice.at(server), bob) for _ in range(6)]) as running:
        yield running, alice, bob


def assert_settled(server: LedgerServer, running: Storm, alice: Account, bob: Account) -> None:
    """Every acknowledged payment is there once, and asking again with the same keys makes up for
    exactly those that are not."""
    alice, bob = alice.at(server), bob.at(server)
    stored = bob.transaction_ids()
    assert len(stored) == len(set(stored))
    assert running.acknowledged <= set(stored)
    with ThreadPoolExecutor(8) as pool:
        answered = list(pool.map(lambda one: alice.transfer(bob, "1.00", one.key), running.sent))
    for one, again in zip(running.sent, answered, strict=True):
        assert again.status_code == 201, again.text
        if one.answer is not None and one.answer.status_code == 201:
            assert again.content == one.answer.content
            assert again.headers["Idempotent-Replayed"] == "true"
    assert bob.amount() == f"{len(running.sent)}.00"
    assert alice.amount() == f"{10000 - len(running.sent)}.00"


def test_workers_killed_under_load_lose_and_double_nothing(
    server: LedgerServer,
) -> None:
    with paying(server) as (running, alice, bob):
        for _ in range(3):
            payments = len(running.acknowledged)
            victims = set(workers_of(server))
            for pid in victims:
                os.kill(pid, signal.SIGKILL)
            eventually(partial(replaced, server, victims))
            eventually(partial(more_than, running, payments + 20))
    assert set(running.codes) <= {201, 503}
    assert_settled(server, running, alice, bob)


def test_whole_server_killed_under_load_comes_back_with_what_it_answered(
    env: Mapping[str, str],
) -> None:
    with LedgerServer(env) as server:
        with paying(server) as (running, alice, bob):
            eventually(partial(more_than, running, 50))
            server.kill()
        server.start()
        assert_settled(server, running, alice, bob)


def test_server_that_is_told_to_end_answers_what_it_took(env: Mapping[str, str]) -> None:
    with LedgerServer(env) as server:
        with paying(server) as (running, alice, bob):
            eventually(partial(more_than, running, 50))
            started = time.monotonic()
            os.kill(server.pid, signal.SIGTERM)
            eventually(lambda: not server.is_running())
            assert time.monotonic() - started < 25  # seconds: after 30 they would be killed
        assert set(running.codes) <= {201, 503}
        assert "Traceback" not in server.output()
        server.start()
        assert_settled(server, running, alice, bob)


@pytest.mark.skipif(not STANDARD, reason="SQLite serves one process")
def test_two_servers_on_one_database_do_not_double_spend(
    server: LedgerServer, env: Mapping[str, str]
) -> None:
    with LedgerServer(env) as other:
        for _ in range(3):
            alice, bob = register(server, "100.00"), register(other)
            there = alice.at(other)
            calls = [partial(payer.transfer, bob, "100.00") for payer in [alice, there] * 5]
            assert codes(answers(at_once(calls))) == {201: 1, 422: 9}
            assert (alice.amount(), there.amount(), bob.amount()) == ("0.00", "0.00", "100.00")
        alice = register(server, "50.00")
        there = alice.at(other)
        calls = [partial(payer.transfer, bob, "5.00", "one") for payer in [alice, there] * 5]
        assert len({response.content for response in answers(at_once(calls))}) == 1
        assert alice.amount() == "45.00"
