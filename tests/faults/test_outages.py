"""The database or Redis goes away and comes back, while the server goes on."""

import time
from collections.abc import Iterator, Mapping

import httpx
import pytest
from redis import Redis as RedisClient

from bench.servers.database import DatabaseServer
from bench.servers.engines import private_database
from bench.servers.redis import Redis
from tests.concurrency import eventually
from tests.e2e.test_cached_balances import Horizon, polling
from tests.e2e.world import (
    PASSWORD,
    STANDARD,
    WORKERS,
    Account,
    assert_reconciled,
    client,
    migrate,
    register,
)
from tests.faults.storm import rage, stopped, storm
from tests.servers import LedgerServer

GENERATION = "ledgerlink:balances:generation"

pytestmark = pytest.mark.skipif(not STANDARD, reason="SQLite is in the process")


@pytest.fixture(scope="module")
def database() -> Iterator[DatabaseServer]:
    with private_database() as running:
        yield running


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis]:
    with Redis() as running:
        yield running


@pytest.fixture(scope="module")
def env(database: DatabaseServer, redis: Redis) -> Iterator[Mapping[str, str]]:
    made = {**database.env, **redis.env, "APP_ENV": "test", "WEB_CONCURRENCY": str(WORKERS)}
    made |= {"RATELIMIT_ENABLE": "false", "SELF_SERVICE_FUNDING": "true"}
    migrate(made)
    yield made
    assert_reconciled(made)


@pytest.fixture(scope="module")
def server(env: Mapping[str, str]) -> Iterator[LedgerServer]:
    with LedgerServer(env) as running:
        yield running


def readiness(server: LedgerServer) -> tuple[int, str]:
    with client(server.url) as http:
        answer = http.get("health/ready")
    print(answer.text)  # shown when a test waits in vain
    return answer.status_code, str(answer.json()["status"])


def assert_never_behind(server: LedgerServer, account: Account, version: int) -> None:
    """Whichever process is asked, the balance is not older than `version`."""
    for _ in range(4 * WORKERS):
        reader = account.at(server)  # a new connection, to any of the processes
        assert int(reader.balance()["version"]) >= version
        reader.http.close()


def test_redis_gone_is_slower_but_never_wrong(
    server: LedgerServer,
    redis: Redis,
) -> None:
    alice, bob = register(server, "100000.00"), register(server)
    assert readiness(server) == (200, "ok")
    with storm((alice, bob), (alice.at(server), bob)) as running:
        eventually(lambda: len(running.acknowledged) >= 20)
        redis.kill()
        eventually(lambda: readiness(server) == (200, "degraded"))
        rage(running)
        for _ in range(4):
            answered = alice.transfer(bob, "1.00").json()["balance"]["version"]
            assert_never_behind(server, alice, answered)
        with client(server.url) as http:
            login = http.post("auth/login", json={"username": bob.username, "password": PASSWORD})
        assert login.status_code == 200
        redis.start()
        eventually(lambda: readiness(server) == (200, "ok"))
        for _ in range(4):
            answered = alice.transfer(bob, "1.00").json()["balance"]["version"]
            assert_never_behind(server, alice, answered)
    paid = running.codes[201]
    assert running.codes == {201: paid}
    assert len([one for one in running.sent if one.answer is None]) == 0
    assert bob.amount() == f"{paid + 8}.00"


def remembered(redis: RedisClient, account: Account) -> str | None:
    """The generation of the cache in which their balance, which is asked for, is shown from it."""
    account.balance()
    user = f"ledgerlink:balances:{account.id}"
    generation, is_whole, balance = redis.hmget(user, "generation", "complete", "USD")
    is_fenced = str(balance).endswith("|")  # a version without a value
    is_shown = is_whole and generation == redis.get(GENERATION) and not is_fenced
    return str(generation) if is_shown else None


def test_redis_that_missed_an_invalidation_is_not_believed(
    server: LedgerServer, redis: Redis
) -> None:
    """It stands still while money moves, and goes on with what it remembers. The process that
    moved the money throws that away soon, although nobody asks it to."""
    alice, bob = register(server, "100.00"), register(server)
    with RedisClient(
        port=redis.port, password=redis.password, decode_responses=True
    ) as remembering:
        for _ in range(3):
            generation = eventually(lambda: remembered(remembering, alice))
            with stopped(redis):
                answered = alice.transfer(bob, "1.00").json()["balance"]["version"]
            resumed = time.monotonic()
            eventually(lambda: remembering.get(GENERATION) != generation)  # noqa: B023 - called now
            assert time.monotonic() - resumed < 10  # seconds: half a one, where nothing else runs
            assert_never_behind(server, alice, answered)


def test_redis_in_any_trouble_shows_no_balance_of_before(
    server: LedgerServer, redis: Redis
) -> None:
    """It is stopped, emptied and killed while money moves and others read: each of them sees a
    balance only after those it has seen, and is always answered."""
    alice, bob = register(server, "10000.00"), register(server)
    horizon = Horizon()
    with (
        storm((alice, bob), (alice.at(server), bob)) as running,
        polling(horizon, [alice.at(server) for _ in range(3)]),
    ):

        def more_is_paid_and_seen() -> None:
            paid, looks = len(running.acknowledged), horizon.looks
            eventually(lambda: len(running.acknowledged) > paid + 10 and horizon.looks > looks + 10)

        more_is_paid_and_seen()
        with stopped(redis):
            more_is_paid_and_seen()
        with RedisClient(port=redis.port, password=redis.password) as emptied:
            for _ in range(3):
                emptied.flushall()
                more_is_paid_and_seen()
        redis.kill()
        more_is_paid_and_seen()
        redis.start()
        more_is_paid_and_seen()
    assert running.codes == {201: len(running.sent)}
    assert bob.amount() == f"{len(running.sent)}.00"


def test_database_gone_is_unavailable_and_logs_nobody_out(
    server: LedgerServer,
    database: DatabaseServer,
) -> None:
    alice, bob, stranger = (register(server, "100.00") for _ in range(3))
    database.kill()
    asked: list[httpx.Response] = []
    for account in (alice, stranger):  # one whom the processes remember, one not all do
        for _ in range(WORKERS):
            asked += [
                account.transfer(bob, "1.00"),
                account.http.get("balances/history"),
                account.http.get("transactions"),
            ]
    with client(server.url) as http:
        names = {"username": bob.username, "password": PASSWORD}
        asked += [http.post("auth/login", json=names) for _ in range(WORKERS)]
        http.cookies.set("sessionid", "a" * 32)
        page = http.get(f"{server.url}/admin/")
    assert (page.status_code, page.headers["Retry-After"]) == (503, "2")
    assert "The database can&#x27;t be reached" in page.text
    for answer in asked:
        assert answer.status_code == 503, answer.text
        assert answer.headers["Content-Type"] == "application/problem+json"
        assert int(answer.headers["Retry-After"]) >= 1
        assert answer.json()["status"] == 503
    assert readiness(server) == (503, "unavailable")

    database.start()
    eventually(lambda: readiness(server) == (200, "ok"))
    for account in (alice.at(server), stranger.at(server), bob.at(server)) * WORKERS:
        assert account.http.get("transactions").status_code == 200
    before = int(alice.balance()["version"])
    sent = [alice.transfer(bob, "1.00") for _ in range(2 * WORKERS)]
    assert [answer.status_code for answer in sent] == [201] * 2 * WORKERS
    assert int(alice.balance()["version"]) == before + 2 * WORKERS


def test_database_restarted_under_load_loses_and_doubles_nothing(
    server: LedgerServer,
    database: DatabaseServer,
) -> None:
    alice, bob = register(server, "10000.00"), register(server)
    with storm(*[(alice.at(server), bob) for _ in range(6)]) as running:
        eventually(lambda: len(running.acknowledged) >= 50)
        database.kill()
        eventually(lambda: running.codes[503] > 0)
        database.start()
        enough = len(running.acknowledged) + 50
        eventually(lambda: len(running.acknowledged) >= enough)
    assert set(running.codes) == {201, 503}
    again = [alice.transfer(bob, "1.00", one.key).status_code for one in running.sent]
    assert set(again) == {201}
    assert bob.amount() == f"{len(running.sent)}.00"
