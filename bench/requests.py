"""What does each request cost, beside a plain transfer? Run `python -m bench.requests`.

Starts the real server on SQLite and on MariaDB with Redis, and asks one request after another over
one connection, the kinds in turn so that other programs disturb all alike. Prints the median of
each with its ratio to a plain transfer, then a batch of 1,000 and a PDF statement of 1,000 entries.
Exits 1 beyond the limits.
"""

import argparse
import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROUNDS = 300
WARM_UP = 30  # rounds that are not counted
BATCHES = 15
ENTRIES = 50  # in the statement: as many as the history has on a page
MAX_RATIO = 1.3
MAX_BATCH = {"sqlite": None, "mariadb": 250.0}  # ms
MAX_STATEMENT = 1000.0  # ms
PLAIN = "transfer"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.requests")
    parser.add_argument("--engine", choices=["sqlite", "mariadb"], help="on this one only")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--here", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        return measure(options.here, options.rounds)
    names = [options.engine] if options.engine else ["sqlite", "mariadb"]
    return max(run(name, options.rounds) for name in names)


def run(name: str, rounds: int) -> int:
    """Measure in a process of its own, which finds the engine in its environment."""
    from bench.servers.engines import embedded, standard

    engine_of = {"sqlite": embedded, "mariadb": standard}[name]
    with engine_of() as engine, tempfile.TemporaryDirectory(prefix="ledger-bench-") as directory:
        print(f"==== {engine.name} ====", flush=True)
        command = [sys.executable, "-m", "bench.requests", "--here", name, f"--rounds={rounds}"]
        env = {
            **engine.env,
            "SQLITE_PATH": str(Path(directory) / "bench.sqlite3"),
            "RATELIMIT_ENABLE": "false",
            "LOG_LEVEL": "WARNING",
        }
        return subprocess.run(command, env=env, check=False).returncode


@dataclass
class Caller:
    """Somebody who asks; `times` are in milliseconds, by kind.

    All share a connection, so that one process answers: another one would be slower, being idle.
    """

    connection: http.client.HTTPConnection
    authorization: str
    times: dict[str, list[float]]

    def post(self, kind: str, path: str, body: Any, key: str | None = None) -> Any:
        headers = {"Authorization": self.authorization, "Content-Type": "application/json"}
        if key is not None:
            headers["Idempotency-Key"] = key
        status, answer = self._timed(
            kind, "POST", f"/api/v1/transactions/{path}", json.dumps(body), headers
        )
        assert status in {200, 201}, answer
        return json.loads(answer)

    def get(self, kind: str, path: str) -> bytes:
        headers = {"Authorization": self.authorization}
        status, answer = self._timed(kind, "GET", f"/api/v1/{path}", None, headers)
        assert status == 200, answer
        return answer

    def _timed(
        self, kind: str, method: str, path: str, body: str | None, headers: dict[str, str]
    ) -> tuple[int, bytes]:
        started = time.perf_counter()
        self.connection.request(method, path, body, headers)
        response = self.connection.getresponse()
        answer = response.read()
        self.times[kind].append((time.perf_counter() - started) * 1e3)
        return response.status, answer


def measure(name: str, rounds: int) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledgerlink.settings")
    import django

    django.setup()
    from django.core.management import call_command

    from bench.servers.ledger import LedgerServer

    call_command("migrate", verbosity=0)
    token, key, bob = people()
    times: dict[str, list[float]] = defaultdict(list)
    with LedgerServer({}) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        alice, backend = (Caller(connection, who, times) for who in (token, key))
        over = period_of_entries(alice, bob)
        for number in range(WARM_UP + rounds):
            if number == WARM_UP:
                times.clear()
            movements(alice, backend, bob)
            readings(alice, over)
        worst = report(times)
        return int(large(alice, bob, name) or worst > MAX_RATIO)


def people() -> tuple[str, str, int]:
    """Alice's two Authorization headers, of a token and of an API key (she is an admin, who may do
    everything), and Bob's id."""
    from bench.people import BENCH, bearer, fund, make_users
    from users.api_keys import create_api_key
    from users.roles import Role, Scope

    [alice], [bob] = make_users(["alice"], Role.ADMIN), make_users(["bob"])
    fund([alice], 10_000_000_000)
    new = create_api_key(user_id=alice.pk, name="bench", scopes=Scope.values, by=BENCH)
    return bearer(alice), f"Api-Key {new.text}", bob.pk


def period_of_entries(alice: Caller, bob: int) -> str:
    """Makes `ENTRIES` transfers; returns the query of the period in which they were made."""
    body = {"to_user_id": bob, "amount": "1.00"}
    moments = [alice.post("first", "transfer", body)["created_at"] for _ in range(ENTRIES + 1)]
    return f"from={moments[0]}&to={moments[-1]}"


def movements(alice: Caller, backend: Caller, bob: int) -> None:
    """One of each kind; what a capture, cancel or reversal is about is made just before."""
    body = {"to_user_id": bob, "amount": "1.00"}
    alice.post(PLAIN, "transfer", body)
    key = str(uuid.uuid4())
    alice.post("transfer with a key", "transfer", body, key)
    alice.post("its replay", "transfer", body, key)
    backend.post("transfer by API key", "transfer", body)
    alice.post("deposit", "deposit", {"amount": "1.00"})
    alice.post("withdrawal", "withdraw", {"amount": "1.00"})
    held = alice.post("pending", "transfer", body | {"pending": True})
    alice.post("capture", f"{held['id']}/capture", {})
    held = alice.post("pending", "transfer", body | {"pending": True})
    alice.post("cancel", f"{held['id']}/cancel", {})
    moved = alice.post(PLAIN, "transfer", body)
    backend.post("reverse", f"{moved['id']}/reverse", {"reason": "bench", "allow_overdraft": True})
    guarded = {"expected_version": moved["balance"]["version"] + 1, "min_balance_after": "1.00"}
    alice.post("guarded transfer", "transfer", body | guarded)
    alice.post("dry run", "transfer", body | {"dry_run": True})


def readings(alice: Caller, period: str) -> None:
    """One of each; `period` is the query of one that is over."""
    at = period.rpartition("=")[2]
    alice.get("all balances", "balances/current")
    alice.get("one balance", "balances/current?currency=USD")
    alice.get("balance at a moment", f"balances/current?currency=USD&at={at}")
    alice.get("history, a page of 50", "balances/history")
    alice.get("history of a period, a page of 50", f"balances/history?{period}")
    alice.get(f"JSON statement of {ENTRIES} entries", f"balances/statement?currency=USD&{period}")
    listed = json.loads(alice.get("transactions, a page of 50", "transactions"))
    alice.get("one transaction", f"transactions/{listed['results'][0]['id']}")


def report(times: dict[str, list[float]]) -> float:
    """Print the medians; returns the worst ratio."""
    medians = {kind: statistics.median(taken) for kind, taken in times.items()}
    for kind, median in medians.items():
        print(f"{kind:<34} {median:8.2f} ms   {median / medians[PLAIN]:5.2f}x")
    worst = max(medians.values()) / medians[PLAIN]
    print(f"worst ratio {worst:.2f}; the limit is {MAX_RATIO}")
    return worst


def large(alice: Caller, bob: int, name: str) -> bool:
    """Print a batch of 1,000 and a PDF of 1,000 entries; returns whether one is too slow."""
    items = [{"type": "transfer", "to_user_id": bob, "amount": "0.01"} for _ in range(1000)]
    too_slow = False
    for mode in ("independent", "atomic"):
        for _ in range(BATCHES):
            answer = alice.post(mode, "batch", {"mode": mode, "transactions": items})
            assert len(answer["results"]) == 1000
        too_slow |= shown(f"batch of 1,000, {mode}", alice.times[mode], MAX_BATCH[name])
    newest = json.loads(alice.get("first", "balances/history?page_size=200"))
    for _ in range(4):
        newest = json.loads(alice.get("first", newest["next"].split("/api/v1/")[1]))
    start = newest["results"][-1]["created_at"]
    for _ in range(5):
        alice.get("pdf", f"balances/statement?currency=USD&from={start}&format=pdf")
    return shown("PDF statement of 1,000 entries", alice.times["pdf"], MAX_STATEMENT) or too_slow


def shown(title: str, taken: list[float], limit: float | None) -> bool:
    median = statistics.median(taken)
    print(f"{title:<34} {median:8.1f} ms" + (f"   the limit is {limit:g}" if limit else ""))
    return limit is not None and median > limit


if __name__ == "__main__":
    sys.exit(main())
