"""Hundreds of clients that are slow on purpose, and more clients than the queue takes."""

import os
import signal
import socket
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from typing import Any

import httpx
import MySQLdb
import pytest
from django.conf import settings
from gunicorn.workers.gthread import STOP_KEEPALIVE_LINGER  # type: ignore[import-untyped]

from tests.concurrency import PATIENCE, eventually, in_background
from tests.e2e.world import STANDARD, Account, client, register
from tests.faults.storm import codes
from tests.faults.test_connections import answer_on, connected, payment, request
from tests.servers import LedgerServer

LARGE = "/static/drf_spectacular_sidecar/swagger-ui-dist/swagger-ui-bundle.js"
LARGE_BYTES = 1_000_000  # at least
SLOW = 500
QUEUE = 4
KEPT_SECONDS = 4  # an idle connection
POSTING_SECONDS = 10  # that a place in the queue may wait


def get(path: str, connection: str = "keep-alive") -> bytes:
    head = f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: {connection}\r\n\r\n"
    return head.encode()


HEALTH, LAST = get("/health"), get("/health", "close")


def slow_to_read(server: LedgerServer) -> socket.socket:
    """A connection on which hardly anything is kept that its client has not read: as on a network,
    while the kernel would keep megabytes within the machine."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, 536)
    connection.settimeout(PATIENCE)
    connection.connect(("127.0.0.1", server.port))
    return connection


def half_head(alice: Account, bob: Account) -> bytes:
    return payment(alice, bob, "slow")[:40]


def endless_head(alice: Account, bob: Account) -> bytes:
    return b"GET /health HTTP/1.1\r\nX-Filler: " + b"x" * 70_000


def half_body(alice: Account, bob: Account) -> bytes:
    return payment(alice, bob, "slow")[:-10]


def second_request_half(alice: Account, bob: Account) -> bytes:
    """Behind a whole one."""
    return HEALTH + half_body(alice, bob)


def answer_never_taken(alice: Account, bob: Account) -> bytes:
    """Whose sender does not close either."""
    return LAST


def large_answer_never_taken(alice: Account, bob: Account) -> bytes:
    """More than the kernel keeps for who does not read."""
    return get(LARGE)


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
        large_answer_never_taken,
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
            connection = slow.enter_context(slow_to_read(server))
            connection.sendall(began)
        started = time.monotonic()
        for _ in range(5):
            with client(server.url, alice.token) as http:  # a new connection, to any process
                paid = Account(alice.id, alice.username, http, alice.token).transfer(bob, "1.00")
            assert paid.status_code == 201
        assert time.monotonic() - started < 20  # seconds: one that is held up waits for 30
        with slow_to_read(server) as one_more:
            one_more.sendall(get(LARGE, "close"))
            assert len(taken_from(one_more)) > LARGE_BYTES
    assert alice.amount() == "5.00"


def taken_from(connection: socket.socket) -> bytes:
    """All that comes, in small parts."""
    return b"".join(iter(partial(connection.recv, 4096), b""))


def test_large_answer_that_is_taken_slowly_comes_whole(server: LedgerServer) -> None:
    """And the next one behind it."""
    whole = httpx.get(server.url + LARGE).content
    assert len(whole) > LARGE_BYTES
    with slow_to_read(server) as connection:
        connection.sendall(get(LARGE) + LAST)
        large, _, next_one = taken_from(connection).partition(whole)
    assert large.startswith(b"HTTP/1.1 200 ")
    assert next_one.startswith(b"HTTP/1.1 200 ")
    assert next_one.endswith(b"}")


def test_server_that_ends_lets_a_large_answer_be_taken(env: Mapping[str, str]) -> None:
    with (
        LedgerServer(env, workers=1, threads=1) as server,
        slow_to_read(server) as connection,
    ):
        whole = httpx.get(server.url + LARGE).content
        connection.sendall(get(LARGE))
        assert connection.recv(9) == b"HTTP/1.1 "
        os.kill(server.pid, signal.SIGTERM)
        told = time.monotonic()
        eventually(lambda: time.monotonic() > told + STOP_KEEPALIVE_LINGER + 0.5)
        received = taken_from(connection)
    assert received.endswith(whole[-1000:])
    assert len(received) > len(whole)


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


def with_worker(env: Mapping[str, str], name: str, *, threads: int = 4) -> LedgerServer:
    """One process of that class in `tests.faults.workers`."""
    options = f"--worker-class=tests.faults.workers.{name} --keep-alive={KEPT_SECONDS}"
    return LedgerServer({**env, "GUNICORN_CMD_ARGS": options}, workers=1, threads=threads)


def is_answered(server: LedgerServer) -> bool:
    with connected(server) as connection:
        connection.settimeout(20)  # seconds: then it is held
        try:
            connection.sendall(HEALTH)
            return connection.recv(9) == b"HTTP/1.1 "
        except (ConnectionError, TimeoutError):
            return False


def test_connection_that_cannot_be_watched_is_closed_at_once(env: Mapping[str, str]) -> None:
    """It waits for nothing, and takes no place among those that are open."""
    with with_worker(env, "CrowdedWorker") as server:
        answered = [is_answered(server) for _ in range(30)]
    assert answered.count(False) == 10


def test_whoever_waits_longest_with_much_makes_room(env: Mapping[str, str]) -> None:
    """For one more that reads slowly; one that sends slowly waits beside them."""
    body = b"x" * 200_000
    with (
        with_worker(env, "NarrowWorker", threads=1) as server,
        slow_to_read(server) as hoarder,
        connected(server) as sender,
    ):
        whole = httpx.get(server.url + LARGE).content
        hoarder.sendall(get(LARGE))
        eventually(partial(has_something, hoarder))
        sender.sendall(request("auth/login", body[:100_000], f"Content-Length: {len(body)}"))
        assert is_answered(server)  # no thread waits for the rest
        with slow_to_read(server) as reader:
            reader.sendall(get(LARGE, "close"))
            eventually(partial(has_something, reader))
            assert is_answered(server)  # so its only thread has gone on: too much waited
            assert len(taken_from(hoarder)) < len(whole)
            assert taken_from(reader).endswith(whole)


def has_something(connection: socket.socket) -> bool:
    return bool(connection.recv(1, socket.MSG_PEEK))


def test_no_more_than_half_of_the_threads_wait_for_who_takes_more_than_is_kept(
    env: Mapping[str, str],
) -> None:
    with with_worker(env, "ImpatientWorker", threads=2) as server, ExitStack() as slow:
        for _ in range(5):
            connection = slow.enter_context(slow_to_read(server))
            connection.sendall(get(LARGE))
            eventually(partial(has_something, connection))
            assert is_answered(server)


def test_answer_behind_which_something_fails_comes_whole(env: Mapping[str, str]) -> None:
    with with_worker(env, "FailingWorker") as server:
        whole = httpx.get(server.url + LARGE).content
        for path in ("/health", LARGE):
            with slow_to_read(server) as connection:
                connection.sendall(get(path))
                taken = taken_from(connection)
            assert taken.startswith(b"HTTP/1.1 200 ")
        assert taken.endswith(whole)


def test_client_that_sends_no_more_is_answered(server: LedgerServer) -> None:
    """Once, twice, or at length."""
    for sent, count in ((HEALTH, 1), (HEALTH + HEALTH, 2), (get(LARGE), 1)):
        with slow_to_read(server) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            taken = taken_from(connection)
        assert taken.count(b"HTTP/1.1 200 ") == count
    assert len(taken) > LARGE_BYTES


def test_client_that_sends_ever_more_requests_waits_its_turn(env: Mapping[str, str]) -> None:
    over = threading.Event()

    def send(connection: socket.socket) -> None:
        while not over.is_set():
            connection.sendall(HEALTH * 100)

    def read(connection: socket.socket) -> None:
        while not over.is_set():
            connection.recv(65_536)

    with (
        with_worker(env, "PatientWorker", threads=1) as server,
        in_background() as start,
        connected(server) as greedy,
    ):
        tasks = [start(partial(send, greedy)), start(partial(read, greedy))]
        answered = [is_answered(server) for _ in range(20)]
        over.set()
        greedy.shutdown(socket.SHUT_RDWR)
        for task in tasks:
            task.exception()
    assert all(answered)


@pytest.mark.parametrize(("size", "permitted"), [(50, 1), (30_000_000, 0)])
def test_body_is_permitted_once_and_only_one_that_is_taken(
    size: int, permitted: int, server: LedgerServer
) -> None:
    asking = request(
        "auth/login", b"", f"Content-Length: {size}", "Expect: 100-continue", "Connection: close"
    )
    with connected(server) as connection:
        connection.sendall(asking)
        eventually(partial(has_something, connection))
        if permitted:
            connection.sendall(b" " * size)
        answer = taken_from(connection)
    assert answer.count(b"HTTP/1.1 100 Continue") == permitted
    assert answer.count(b"HTTP/1.1 ") == permitted + 1


def test_next_request_may_take_as_long_after_an_answer_that_took_long(
    env: Mapping[str, str],
) -> None:
    """The time a connection is kept begins when the client has its answer."""
    with with_worker(env, "PatientWorker") as server, slow_to_read(server) as connection:
        whole = httpx.get(server.url + LARGE).content
        connection.sendall(get(LARGE))
        assert has_something(connection)
        asked = time.monotonic()
        eventually(lambda: time.monotonic() > asked + KEPT_SECONDS + 2)
        received = b""
        while not received.endswith(whole[-1000:]):
            received += (chunk := connection.recv(65_536))
            assert chunk
        connection.sendall(HEALTH)
        assert answer_on(connection)[0] == 200


def test_body_whose_end_never_comes_moves_nothing(server: LedgerServer) -> None:
    """Not even where what has come could be read."""
    alice, bob = register(server, "5.00"), register(server)
    whole = payment(alice, bob, "cut")
    head, _, body = whole.partition(b"\r\n\r\n")
    longer = head.replace(f"Content-Length: {len(body)}".encode(), b"Content-Length: 1000")
    with connected(server) as connection:
        connection.sendall(longer + b"\r\n\r\n" + body)
        connection.shutdown(socket.SHUT_WR)
        assert taken_from(connection) == b""
    assert alice.amount() == "5.00"
