"""Rate limits of a real server: several processes, new connections, and Redis going away."""

import os
import signal
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from bench.servers.redis import Redis
from tests.concurrency import eventually
from tests.databases import own_database
from tests.e2e.world import STANDARD, WORKERS, Account, client, migrate, register
from tests.servers import LedgerServer


@pytest.fixture(scope="module")
def redis() -> Iterator[Redis | None]:
    with ExitStack() as stack:
        yield stack.enter_context(Redis()) if STANDARD else None


@pytest.fixture(scope="module")
def env(
    redis: Redis | None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    with own_database("e2e_limits", tmp_path_factory.mktemp("limits")) as database:
        made = {
            **database,
            **(redis.env if redis else {}),
            "APP_ENV": "test",
            "SELF_SERVICE_FUNDING": "true",
            "WEB_CONCURRENCY": str(WORKERS),
            # An hour, so that no count starts again in the middle of a test.
            "RATELIMIT_REGISTER": "20/h",
            "RATELIMIT_LOGIN": "5/h",
            "RATELIMIT_TRANSFER": "10/h",
        }
        migrate(made)
        yield made


@pytest.fixture(scope="module")
def server(env: Mapping[str, str]) -> Iterator[LedgerServer]:
    with LedgerServer(env) as running:
        yield running


def deposit(server: LedgerServer, account: Account) -> int:
    """Over a connection of its own."""
    with client(server.url, account.token) as http:
        return http.post("transactions/deposit", json={"amount": "1.00"}).status_code


def test_processes_and_connections_share_one_exact_count(server: LedgerServer) -> None:
    account = register(server)
    with ThreadPoolExecutor(8) as pool:
        codes = Counter(pool.map(lambda _: deposit(server, account), range(30)))
    assert codes == {201: 10, 429: 20}
    assert account.amount() == "10.00"


WHERE_FROM = (
    "X-Forwarded-For",
    "X_Forwarded_For",  # which a server may take for the same
    "X-Real-IP",
    "X-Client-IP",
    "X-Cluster-Client-IP",
    "X-Originating-IP",
    "X-Remote-Addr",
    "True-Client-IP",
    "CF-Connecting-IP",
    "Fastly-Client-IP",
)


def test_no_header_of_a_stranger_gives_more_tries(server: LedgerServer) -> None:
    def login(number: int) -> httpx.Response:
        address = f"198.51.100.{number}"
        headers = [(name, address) for name in WHERE_FROM]
        headers += [("Forwarded", f"for={address}"), ("X-Forwarded-For", f"{address}, 127.0.0.1")]
        body = {"username": f"nobody{number}", "password": "wrong"}
        return httpx.post(f"{server.url}/api/v1/auth/login", json=body, headers=headers)

    answers = [login(number) for number in range(7)]
    assert [one.status_code for one in answers] == [401] * 5 + [429] * 2
    assert answers[-1].headers["Content-Type"] == "application/problem+json"
    assert answers[-1].json()["code"] == "rate_limited"
    assert 1 <= int(answers[-1].headers["Retry-After"]) <= 3600


@pytest.mark.skipif(not STANDARD, reason="there is no Redis")
@pytest.mark.parametrize("fault", ["paused", "killed"])
def test_redis_gone_means_that_requests_are_served(
    fault: str, server: LedgerServer, redis: Redis
) -> None:
    account = register(server)
    # Of 22, eleven are in one minute, even when it ends meanwhile.
    assert {deposit(server, account) for _ in range(22)} == {201, 429}
    if fault == "paused":
        os.kill(redis.pid, signal.SIGSTOP)
    else:
        redis.kill()
    try:
        assert {deposit(server, account) for _ in range(20)} == {201}
    finally:
        if fault == "paused":
            os.kill(redis.pid, signal.SIGCONT)
        else:
            redis.start()
    eventually(lambda: deposit(server, account) == 429)
