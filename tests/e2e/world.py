"""A running Ledger Link with a database of its own, and clients that talk to it over sockets."""

import itertools
import os
import subprocess
import sys
import uuid
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings

from bench.servers.process import REPOSITORY
from bench.servers.redis import Redis
from tests import leaks
from tests.databases import own_database
from tests.servers import LedgerServer

STANDARD = bool(settings.DB_HOST)  # MariaDB and Redis; else SQLite and one process
WORKERS = 2 if STANDARD else 1
PASSWORD = "correct-horse-7"
TIMEOUT = 20.0  # seconds; a request that takes longer hangs

_numbers = itertools.count(1)
_clients: list[httpx.Client] = []


@dataclass
class Account:
    """A registered user, with a connection pool of their own."""

    id: int
    username: str
    http: httpx.Client
    token: str
    seen: int = field(default=0)

    def transfer(
        self, to: "Account", amount: str, key: str | None = None, **fields: Any
    ) -> httpx.Response:
        body = {"to_user_id": to.id, "amount": amount, **fields}
        return self.post("transactions/transfer", body, key)

    def deposit(self, amount: str, key: str | None = None) -> httpx.Response:
        return self.post("transactions/deposit", {"amount": amount}, key)

    def withdraw(self, amount: str, key: str | None = None) -> httpx.Response:
        return self.post("transactions/withdraw", {"amount": amount}, key)

    def post(self, path: str, body: Any, key: str | None = None) -> httpx.Response:
        headers = {"Idempotency-Key": key} if key is not None else {}
        return self.http.post(path, json=body, headers=headers)

    def balance(self) -> dict[str, Any]:
        answer = self.http.get("balances/current", params={"currency": "USD"})
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        return body

    def amount(self) -> str:
        return str(self.balance()["amount"])

    def transaction_ids(self) -> list[str]:
        """Of every transaction, from all pages."""
        found: list[str] = []
        address: str | None = "transactions?page_size=200"
        while address:
            page = self.http.get(address).json()
            found += [row["id"] for row in page["results"]]
            address = page["next"]
        return found

    def at(self, server: LedgerServer) -> "Account":
        """The same user at another server of the same books."""
        http = client(server.url, self.token)
        return Account(self.id, self.username, http, self.token)


def client(url: str, token: str | None = None) -> httpx.Client:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    limits = httpx.Limits(max_connections=100, max_keepalive_connections=100)
    made = httpx.Client(
        base_url=f"{url}/api/v1/", headers=headers, timeout=TIMEOUT, limits=limits, trust_env=False
    )
    _clients.append(made)
    return made


def close_clients() -> None:
    while _clients:
        _clients.pop().close()


def register(server: LedgerServer, deposit: str | None = None) -> Account:
    """A new user, with `deposit` on their balance."""
    username = f"user{next(_numbers)}-{uuid.uuid4().hex[:6]}"
    names = {"username": username, "email": f"{username}@example.com", "password": PASSWORD}
    with client(server.url) as http:
        answer = http.post("auth/register", json=names)
    assert answer.status_code == 201, answer.text
    body = answer.json()
    token = body["access"]
    leaks.know(PASSWORD, token, body["refresh"])
    account = Account(body["user"]["id"], username, client(server.url, token), token)
    if deposit is not None:
        assert account.deposit(deposit).status_code == 201
    return account


def manage(env: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return _python(env, "manage.py", *arguments)


def _python(env: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def migrate(env: Mapping[str, str]) -> None:
    finished = manage(env, "migrate", "--verbosity", "0")
    assert finished.returncode == 0, finished.stderr


_PROOF = """
import django
django.setup()
from tests.books import assert_books_are_sound
assert_books_are_sound()
"""


def assert_reconciled(env: Mapping[str, str]) -> None:
    """Both proofs of the books pass: the service's own, and the tests', which shares no code."""
    finished = manage(env, "reconcile")
    assert finished.returncode == 0, finished.stdout + finished.stderr
    finished = _python({**env, "DJANGO_SETTINGS_MODULE": "ledgerlink.settings"}, "-c", _PROOF)
    assert finished.returncode == 0, finished.stderr


@contextmanager
def environment(name: str, directory: Path) -> Iterator[Mapping[str, str]]:
    """Migrated books of the caller's own. Redis is a private one, since user ids of two databases
    would meet in one cache."""
    with ExitStack() as stack:
        database = stack.enter_context(own_database(name, directory))
        cache = stack.enter_context(Redis()).env if STANDARD else {}
        env = {
            **database,
            **cache,
            "APP_ENV": "test",
            "RATELIMIT_ENABLE": "false",
            "SELF_SERVICE_FUNDING": "true",
            "WEB_CONCURRENCY": str(WORKERS),
        }
        migrate(env)
        yield env
