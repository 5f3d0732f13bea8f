"""Hundreds of clients that are slow on purpose, and more clients than the queue takes."""

import os
import signal
import socket
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

import MySQLdb
import pytest
from django.conf import settings
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER  # type: ignore[import-untyped]

from tests.concurrency import eventually, in_background
from tests.e2e.world import STANDARD, Account, client, register
from tests.faults.storm import codes
from tests.faults.test_connections import answer_on, connected, payment, request
from tests.servers import LedgerServer

HEALTH = b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
SLOW = 500
QUEUE = 4
POSTING_SECONDS = 10  # that a place in the queue may wait


def half_head(alice: Account, bob: Account) -> bytes:
    return payment(alice, bob, "slow")[:40]


def endless_head(alice: Account, bob: Account) -> bytes:
    return b"GET /health HTTP/1.1\r\nX-Filler: " + b"x" * 70_000


def half_body(alice: Account, bob: Account) -> bytes:
    return payment(alice, bob, "slow")[:-10]


def second_request_half(alice: Account, bob: Account) -> bytes:
    """Behind a whole one."""
    return b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n" + half_body(alice, bob)


def answer_never_taken(alice: Account, bob: Account) -> bytes:
    """Whose sender does not close either."""
    return b"GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"


def body_too_large(alice: Account, bob: Account) -> bytes:
    return request("auth/login", b'{"username":"', "Content-Length: 30000000")


def body_without_end(alice: Account, bob: Account) -> bytes:
    return request("auth/login", b'{"username":"', f"Content-Length: {10**18}")


def body_in_chunks(alice: Account, bob: Account) -> bytes:
    return request("auth/login", b"10\r\n{", "Transfer-Encoding: chunked")


def body_with_permission(alice: Account, bob: Account) -> bytes:
    return request("auth/login", b"", "Content-Length: 10", "Expect: 100-continue")


def nothing(alice: Account, bob: Account) -> bytes:
    return b""


def empty_lines(alice: Account, bob: Account) -> bytes:
    return b"\r\n\r\n"


@pytest.mark.parametrize(
    "sent",
    [
        nothing,
        empty_lines,
        half_head,
        endless_head,
        half_body,
        second_request_half,
        answer_never_taken,
        body_too_large,
        body_without_end,
        body_in_chunks,
        body_with_permission,
    ],
    ids=lambda sent: sent.__name__,
)
def test_five_hundred_slow_clients_hold_up_nobody(
    sent: Callable[[Account, Account], bytes], server: LedgerServer
) -> None:
    alice, bob = register(server, "10.00"), register(server)
    began = sent(alice, bob)
    with ExitStack() as slow:
        for _ in range(SLOW):
            connection = socket.create_connection(("127.0.0.1", server.port))
            slow.enter_context(connection)
            connection.sendall(began)
        started = time.monotonic()
        for _ in range(5):
            with client(server.url, alice.token) as http:  # a new connection, to any process
                paid = Account(alice.id, alice.username, http, alice.token).transfer(bob, "1.00")
            assert paid.status_code == 201
        assert time.monotonic() - started < 20  # seconds: one that is held up waits for 30
    assert alice.amount() == "5.00"


@contextmanager
def books_locked(env: Mapping[str, str]) -> Iterator[None]:
    """Inside, no money can move; reading goes on."""
    if not STANDARD:
        with closing(sqlite3.connect(env["SQLITE_PATH"], isolation_level=None)) as database:
            database.execute("BEGIN IMMEDIATE")
            yield
        return
    options = settings.DATABASES["default"]
    named: dict[str, Any] = {"db": env["DB_NAME"], "port": int(str(options["PORT"]))}
    for name in ("host", "user", "password"):
        named[name] = options[name.upper()]
    with closing(MySQLdb.connect(**named)) as database:
        database.query("SELECT id FROM balances_balance FOR UPDATE")
        database.store_result()
        yield


def is_busy(server: LedgerServer) -> bool:
    """Whether nobody answers at once."""
    with connected(server) as connection:
        connection.settimeout(0.5)
        connection.sendall(HEALTH)
        try:
            return not connection.recv(1)
        except TimeoutError:
            return True


def test_server_that_ends_answers_what_came_while_all_its_threads_were_busy(
    env: Mapping[str, str],
) -> None:
    with LedgerServer(env, workers=1, threads=1) as server:
        alice, bob = register(server, "5.00"), register(server)
        with connected(server) as later:
            later.sendall(HEALTH)
            assert answer_on(later)[0] == 200  # the connection is kept
            with in_background() as start, books_locked(env):
                paying = start(partial(alice.transfer, bob, "1.00"))
                eventually(partial(is_busy, server))
                later.sendall(HEALTH)
                os.kill(server.pid, signal.SIGTERM)
                told = time.monotonic()
                eventually(lambda: time.monotonic() > told + STOP_KEEPALIVE_LINGER + 0.5)
            assert answer_on(later)[0] == 200
            assert paying.result().status_code == 201


def test_flood_past_the_queue_is_refused_at_once_and_the_rest_served(
    env: Mapping[str, str],
) -> None:
    small = {"POSTING_QUEUE_SIZE": str(QUEUE), "WEB_THREADS": "64"}
    small["POSTING_TIMEOUT_SECONDS"] = str(POSTING_SECONDS)
    with LedgerServer({**env, **small}, workers=1) as server:
        alice, bob = register(server, "100.00"), register(server)
        with in_background() as start:
            with books_locked(env):
                flood = [start(partial(alice.transfer, bob, "1.00")) for _ in range(40)]
                eventually(lambda: sum(one.done() for one in flood) >= 40 - 2 * QUEUE)
                refused = [one.result() for one in flood if one.done()]
                assert bob.balance()["amount"] == "0.00"  # who only reads is served
            answers = [one.result() for one in flood]
        assert set(codes(refused)) == {503}
        for answer in refused:
            assert int(answer.headers["Retry-After"]) >= 1
            assert answer.json()["code"] == "queue_full"
            assert answer.elapsed.total_seconds() < POSTING_SECONDS
        paid = codes(answers)[201]
        assert codes(answers) == {201: paid, 503: 40 - paid}
        assert paid > QUEUE
        assert bob.amount() == f"{paid}.00"
