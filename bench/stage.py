"""Where it is measured: databases with people in them, and servers as production runs them."""

import json
import os
import random
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx

from bench import seeding
from bench.load import CONNECTIONS, Request, Run, children_of, drive, listed, memory_of
from bench.servers.ledger import LedgerServer
from bench.servers.mariadb import MariaDB
from bench.servers.process import REPOSITORY
from bench.servers.redis import Redis

API = "/api/v1"
BATCH = 1_000
BATCHES = "ledger_posting_batch_size"
REDIS_DBS = {"small": "1", "large": "2"}
PEOPLE = 10_000
LIMITS = ("TRANSFER", "BATCH", "READ", "WRITE")
METRICS_TOKEN = secrets.token_urlsafe(32)
MANY = "900000000/s"  # all limits are counted, none is reached


class ProductionMariaDB(MariaDB):
    """With fsync and the binary log at each commit, as the compose file starts it."""

    defaults = f"--defaults-file={REPOSITORY / 'config/mysql/ledgerlink.cnf'}"


@dataclass(frozen=True)
class Person:
    id: int
    authorization: str


@dataclass
class Stage:
    """A server with its people, and what is asked of it. `cookie`: of an auditor who is signed in
    to the back-office; `others`: process ids of its engines."""

    server: LedgerServer
    people: list[Person]
    cookie: str
    others: Mapping[str, Sequence[int]]
    dice: random.Random = field(default_factory=lambda: random.Random(7))

    @property
    def workers(self) -> list[int]:
        return children_of(self.server.pid)

    def drive(
        self, requests: Sequence[Request], seconds: float, connections: int = CONNECTIONS
    ) -> Run:
        """Send `requests` in turn for some seconds."""
        before = self._posted()
        file = self.server.directory / "requests.tsv"
        processes = {"server": self.workers, **self.others}
        run = drive(self.server.url, listed(requests, file), seconds, processes, connections)
        batches, orders = (now - then for now, then in zip(self._posted(), before, strict=True))
        return replace(run, batch_size=orders / batches if batches else None)

    def _posted(self) -> tuple[float, float]:
        """Batches that were posted so far, and the orders in them."""
        headers = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        told = httpx.get(f"{self.server.url}/metrics", headers=headers).raise_for_status().text
        lines = [line for line in told.splitlines() if line.startswith(BATCHES)]
        figures = dict(line.rsplit(" ", 1) for line in lines)
        return float(figures.get(f"{BATCHES}_count", 0)), float(figures.get(f"{BATCHES}_sum", 0))

    def memory(self, *, peak: bool = False) -> float:
        """MB of the largest worker."""
        return memory_of(self.workers, peak=peak)

    def floor(self) -> list[Request]:
        return [Request("GET", f"{API}/floor", who.authorization) for who in self.people]

    def transfers(self) -> list[Request]:
        """Anybody to anybody."""
        return [self._transfer(payer, to) for payer, to in self._pairs()]

    def hot_transfers(self) -> list[Request]:
        """Everybody to one."""
        hot = self.people[0]
        return [self._transfer(payer, hot) for payer in self._shuffled() if payer is not hot]

    def balances(self) -> list[Request]:
        path = f"{API}/balances/current?currency=USD"
        return [Request("GET", path, who.authorization) for who in self._shuffled()]

    def pages(self, active: int) -> list[Request]:
        """The first page of the transactions of those who have many."""
        path = f"{API}/transactions?page_size=20"
        return [Request("GET", path, who.authorization) for who in self.people[:active]]

    def batches(self, number: int = 40) -> list[Request]:
        path = f"{API}/transactions/batch"
        made = []
        for payer in self._shuffled()[:number]:
            items = [
                {"type": "transfer", "to_user_id": to.id, "amount": "0.01"}
                for to in self.dice.sample(self.people, BATCH)
                if to is not payer
            ]
            body = json.dumps({"mode": "independent", "transactions": items})
            made.append(Request("POST", path, payer.authorization, body))
        return made

    def _transfer(self, payer: Person, to: Person) -> Request:
        body = json.dumps({"to_user_id": to.id, "amount": "0.01"})
        return Request("POST", f"{API}/transactions/transfer", payer.authorization, body)

    def _shuffled(self) -> list[Person]:
        return self.dice.sample(self.people, len(self.people))

    def _pairs(self) -> Iterator[tuple[Person, Person]]:
        for payer, to in zip(self._shuffled(), self._shuffled(), strict=True):
            if payer is not to:
                yield payer, to


def production(collector: str) -> dict[str, str]:
    """The environment of a server in production, with everything that is shipped switched on."""
    return {
        "APP_ENV": "production",
        "SECRET_KEY": secrets.token_urlsafe(48),
        "JWT_SECRET": secrets.token_urlsafe(48),
        "ALLOWED_HOSTS": "127.0.0.1",
        "SECURE_SSL_REDIRECT": "false",
        "DJANGO_SETTINGS_MODULE": "bench.settings",
        "PROMETHEUS_ENABLED": "true",
        "METRICS_TOKEN": METRICS_TOKEN,
        "TRACING_ENABLED": "true",
        "TRACING_SAMPLE_RATIO": "0.05",
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        **{f"RATELIMIT_{limit}": MANY for limit in LIMITS},
    }


@contextmanager
def standard(
    mariadb: MariaDB, redis: Redis, env: Mapping[str, str], name: str, past: tuple[int, int]
) -> Iterator[Stage]:
    """On a database of its own, with `past`: how many transfers among how many people."""
    database = f"ledgerlink_{name}"
    mariadb.execute(f"CREATE DATABASE {database}")
    engines = {**mariadb.env, **redis.env, "DB_NAME": database, "REDIS_DB": REDIS_DBS[name]}
    people, cookie = _seed({**env, **engines})
    mariadb.execute(seeding.past(*past), database)
    others = {"database": [mariadb.pid], "redis": [redis.pid]}
    with LedgerServer({**env, **engines}) as server:
        yield Stage(server, people, cookie, others)


@contextmanager
def embedded(env: Mapping[str, str]) -> Iterator[Stage]:
    """SQLite and one process."""
    with ExitStack() as stack:
        directory = stack.enter_context(tempfile.TemporaryDirectory(prefix="ledger-bench-"))
        path = str(Path(directory) / "bench.sqlite3")
        here = {**env, "DB_HOST": "", "REDIS_HOST": "", "SQLITE_PATH": path}
        people, cookie = _seed(here)
        yield Stage(stack.enter_context(LedgerServer(here)), people, cookie, {})


def _seed(env: Mapping[str, str]) -> tuple[list[Person], str]:
    """The people, and the cookie of an auditor."""
    made = json.loads(run_here("bench.seeding", env, str(PEOPLE)))
    people = [Person(int(number), header) for number, header in made["people"].items()]
    return people, made["cookie"]


def run_here(module: str, env: Mapping[str, str], *arguments: str) -> str:
    """What a module of ours prints; it finds the engines in its environment."""
    command = [sys.executable, "-m", module, *arguments]
    env = {**os.environ, **env}
    return subprocess.run(
        command, cwd=REPOSITORY, env=env, stdout=subprocess.PIPE, text=True, check=True
    ).stdout
