"""Whatever is killed, stopped, emptied or restarted under load, in whichever order: what was
answered is in the books once, and the servers recover without help."""

import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from random import Random

import pytest
from redis import Redis as RedisClient

from bench.servers.database import DatabaseServer
from bench.servers.engines import private_database
from bench.servers.process import Server
from bench.servers.redis import Redis
from tests.concurrency import eventually, in_background
from tests.e2e.world import STANDARD, WORKERS, assert_reconciled, client, migrate, register
from tests.faults.storm import Storm, stopped, storm
from tests.faults.test_crashes import assert_settled, more_than, workers_of
from tests.servers import LedgerServer

pytestmark = pytest.mark.skipif(not STANDARD, reason="SQLite is in the process, and serves one")

SERVERS = 3
DATABASE_SECONDS = 2  # until a server gives up waiting for an answer of the database


@dataclass(frozen=True)
class Site:
    """Three servers on one database and one Redis."""

    database: DatabaseServer
    redis: Redis
    servers: list[LedgerServer]


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    with ExitStack() as stack:
        database, redis = stack.enter_context(private_database()), stack.enter_context(Redis())
        env: Mapping[str, str] = {
            **database.env,
            **redis.env,
            "APP_ENV": "test",
            "RATELIMIT_ENABLE": "false",
            "SELF_SERVICE_FUNDING": "true",
            "WEB_CONCURRENCY": str(WORKERS),
            "DB_TIMEOUT_SECONDS": str(DATABASE_SECONDS),
        }
        migrate(env)
        servers = [stack.enter_context(LedgerServer(env)) for _ in range(SERVERS)]
        yield Site(database, redis, servers)
        assert_reconciled(env)


def kill_workers(site: Site, running: Storm, dice: Random) -> None:
    for pid in workers_of(dice.choice(site.servers)):
        os.kill(pid, signal.SIGKILL)


def kill_master(site: Site, running: Storm, dice: Random) -> None:
    """Its workers see that, answer what they took and end, and the port is free again."""
    server = dice.choice(site.servers)
    os.kill(server.pid, signal.SIGKILL)
    eventually(lambda: not server.is_running() and is_free(server.port))
    server.start()


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def kill_server(site: Site, running: Storm, dice: Random) -> None:
    restart(dice.choice(site.servers))


def kill_database(site: Site, running: Storm, dice: Random) -> None:
    restart(site.database)


def stop_database(site: Site, running: Storm, dice: Random) -> None:
    """Until every client waits, or until one was told that it waited in vain."""
    told = running.codes[503]
    until = dice.choice([running.all_wait, lambda: running.codes[503] > told])
    with stopped(site.database):
        eventually(until)


def kill_redis(site: Site, running: Storm, dice: Random) -> None:
    restart(site.redis)


def stop_redis(site: Site, running: Storm, dice: Random) -> None:
    """Money moves without it."""
    with stopped(site.redis):
        eventually(partial(more_than, running, len(running.acknowledged) + 10))


def empty_redis(site: Site, running: Storm, dice: Random) -> None:
    with RedisClient(port=site.redis.port, password=site.redis.password) as redis:
        redis.flushall()


MISFORTUNES: tuple[Callable[[Site, Storm, Random], None], ...] = (
    kill_workers,
    kill_master,
    kill_server,
    kill_database,
    stop_database,
    kill_redis,
    stop_redis,
    empty_redis,
)


def restart(server: Server) -> None:
    server.kill()
    server.start()


def test_misfortunes_in_any_order_lose_and_double_nothing(site: Site, dice: Random) -> None:
    order = dice.sample(MISFORTUNES, len(MISFORTUNES))
    print([misfortune.__name__ for misfortune in order])
    here = site.servers[0]
    alice, bob = register(here, "10000.00"), register(here)
    with storm(*[(alice.at(server), bob) for server in site.servers * 2]) as running:
        for misfortune in order:
            misfortune(site, running, dice)
            eventually(partial(more_than, running, len(running.acknowledged) + 10))
    assert set(running.codes) <= {201, 503}
    assert_settled(here, running, alice, bob)


def test_database_that_stands_still_is_waited_for_no_longer_than_said(site: Site) -> None:
    server = site.servers[0]
    alice, bob = register(server, "100.00"), register(server)
    reads = [
        partial(alice.http.get, path, timeout=60) for path in ("transactions", "balances/history")
    ]
    pay = partial(
        alice.http.post,
        "transactions/transfer",
        json={"to_user_id": bob.id, "amount": "1.00"},
        headers={"Idempotency-Key": "one"},
        timeout=60,
    )
    with in_background() as start, stopped(site.database):
        asked = [start(call) for call in (*reads, pay, pay)]
        with client(server.url) as http:
            assert http.get("health").status_code == 200
        answers = [one.result() for one in asked]
    for answer in answers:
        assert answer.status_code == 503, answer.text
        assert int(answer.headers["Retry-After"]) >= 1
    for answer in answers[: len(reads)]:
        assert answer.elapsed.total_seconds() < 15  # 30 is what it would be without the setting
    eventually(lambda: pay().status_code == 201)
    assert (alice.amount(), bob.amount()) == ("99.00", "1.00")
