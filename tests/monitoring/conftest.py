"""The real server, whose metrics the real Prometheus reads every second."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import redis

from tests.e2e.world import close_clients, environment, manage
from tests.monitoring.prometheus import Prometheus
from tests.monitoring.traffic import QUEUE_SIZE, Traffic
from tests.servers import LedgerServer

TOKEN = "a-token-of-the-tests-that-is-long-enough-7d1f"


@pytest.fixture(autouse=True)
def connections_are_not_kept() -> None:
    """Those of the traffic are, to the end of the module."""


@dataclass(frozen=True)
class Monitored:
    """`env` is that of the server, for management commands."""

    env: Mapping[str, str]
    traffic: Traffic
    prometheus: Prometheus


@contextmanager
def monitored(directory: Path, *, interval: int = 1) -> Iterator[Monitored]:
    """A server with books of its own that were proved, and a Prometheus that has begun to read."""
    with ExitStack() as stack:
        books = stack.enter_context(environment("monitoring", directory))
        env = {
            **books,
            "METRICS_TOKEN": TOKEN,
            "METRICS_NETWORKS": "192.0.2.1",  # so that the token is what lets Prometheus in
            "POSTING_QUEUE_SIZE": str(QUEUE_SIZE),
            "LOGIN_LOCKOUT_FAILURES": "1000",
        }
        limit_memory(env)
        server = stack.enter_context(LedgerServer(env))
        target = f"127.0.0.1:{server.port}"
        prometheus = stack.enter_context(Prometheus(target, TOKEN, interval))
        traffic = Traffic(server)
        traffic.begin()
        for command in ("reconcile", "seal_audit", "verify_audit"):
            done = manage(env, command)
            assert done.returncode == 0, done.stdout + done.stderr
        yield Monitored(env, traffic, prometheus)
        close_clients()


def limit_memory(env: Mapping[str, str]) -> None:
    """Redis has a limit, as config/redis gives it one."""
    host, port, password = env["REDIS_HOST"], int(env["REDIS_PORT"]), env["REDIS_PASSWORD"]
    with redis.Redis(host=host, port=port, password=password) as client:
        client.config_set("maxmemory", "64mb")


@pytest.fixture(scope="module")
def under_traffic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Monitored]:
    with monitored(tmp_path_factory.mktemp("monitoring")) as running:
        yield running
