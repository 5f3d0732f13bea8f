"""Servers that differ in one setting, and the same callers who send transfers to each in turn.

So other programs disturb all alike. Beside the transfers per second stands the processor time of
each transfer in the server's processes, which neither callers nor neighbours change.
"""

import argparse
import http.client
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

CALLERS = 16
TRANSFERS = 10  # of each caller in a round: short ones, since neighbours come and go


def main(module: str, measure: Callable[[int], int], *, rounds: int) -> int:
    """Run `measure(rounds)` on each engine in a process of its own, which finds the engine in its
    environment; `module` is the benchmark's name."""
    parser = argparse.ArgumentParser(prog=f"python -m {module}")
    parser.add_argument("--engine", choices=["sqlite", "mariadb"], help="on this one only")
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        return measure(options.rounds)
    names = [options.engine] if options.engine else ["sqlite", "mariadb"]
    return max(_run(module, name, options.rounds) for name in names)


def _run(module: str, name: str, rounds: int) -> int:
    from bench.servers.engines import embedded, standard

    engine_of = {"sqlite": embedded, "mariadb": standard}[name]
    with engine_of() as engine, tempfile.TemporaryDirectory(prefix="ledger-bench-") as directory:
        print(f"==== {engine.name} ====", flush=True)
        command = [sys.executable, "-m", module, "--here", f"--rounds={rounds}"]
        env = {
            **engine.env,
            "SQLITE_PATH": str(Path(directory) / "bench.sqlite3"),
            "RATELIMIT_ENABLE": "false",
            "LOG_LEVEL": "WARNING",
        }
        return subprocess.run(command, env=env, check=False).returncode


@dataclass
class Contender:
    """A server, connections to it, and what each round took."""

    name: str
    port: int
    pid: int
    connections: list[http.client.HTTPConnection] = field(default_factory=list)
    rates: list[float] = field(default_factory=list)  # transfers/s
    costs: list[float] = field(default_factory=list)  # ms of processor time a transfer

    def round(self, callers: list[tuple[str, int]], pool: ThreadPoolExecutor) -> None:
        """`callers`: an Authorization header, and to whom they send."""
        used, started = self.processor_seconds(), time.perf_counter()
        list(pool.map(send, self.connections, callers))
        taken, number = time.perf_counter() - started, TRANSFERS * len(callers)
        self.rates.append(number / taken)
        self.costs.append((self.processor_seconds() - used) * 1e3 / number)

    def processor_seconds(self) -> float:
        """Of gunicorn's workers."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        return sum(time.clock_gettime(_processor_clock(int(pid))) for pid in children)


def _processor_clock(pid: int) -> int:
    """Linux' clock_getcpuclockid(3), which Python lacks; to the nanosecond."""
    return ~pid << 3 | 2


def send(connection: http.client.HTTPConnection, caller: tuple[str, int]) -> None:
    authorization, to = caller
    headers = {"Authorization": authorization, "Content-Type": "application/json"}
    body = json.dumps({"to_user_id": to, "amount": "0.01"})
    for _ in range(TRANSFERS):
        connection.request("POST", "/api/v1/transactions/transfer", body, headers)
        response = connection.getresponse()
        answer = response.read()
        assert response.status == 201, answer


def race(rounds: int, servers: Mapping[str, Mapping[str, str]]) -> list[Contender]:
    """A contender for each server, which is started with the environment that belongs to its
    name."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledgerlink.settings")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    callers = people()
    with _contenders(servers) as all_of_them, ThreadPoolExecutor(CALLERS) as pool:
        for number in range(rounds + 1):
            for contender in all_of_them if number % 2 else reversed(all_of_them):
                contender.round(callers, pool)
        for contender in all_of_them:  # the first round warmed up
            del contender.rates[0], contender.costs[0]
        return all_of_them


def people() -> list[tuple[str, int]]:
    from bench.people import bearer, fund, make_users

    users = make_users([f"caller{number}" for number in range(CALLERS)])
    fund(users, 1_000_000)
    receivers = [*users[1:], users[0]]
    return [(bearer(user), to.pk) for user, to in zip(users, receivers, strict=True)]


@contextmanager
def _contenders(servers: Mapping[str, Mapping[str, str]]) -> Iterator[list[Contender]]:
    from bench.servers.ledger import LedgerServer

    with ExitStack() as stack:
        made = []
        for name, env in servers.items():
            # With several, chance would give one contender the better spread of connections.
            server = stack.enter_context(LedgerServer(env, workers=1))
            contender = Contender(name, server.port, server.pid)
            for _ in range(CALLERS):
                connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
                contender.connections.append(connection)
            made.append(contender)
        yield made


def show(contenders: Sequence[Contender]) -> None:
    for contender in contenders:
        rate, cost = statistics.median(contender.rates), statistics.median(contender.costs)
        print(f"{contender.name:<16} {rate:7.0f} transfers/s   {cost:6.3f} ms of processor each")


@dataclass(frozen=True, slots=True)
class Share:
    """The median over the rounds, and the standard error of it."""

    median: float
    error: float

    def __str__(self) -> str:
        return f"{self.median:6.1%} ± {self.error:.1%}"


def throughput_lost(without: Contender, other: Contender) -> Share:
    return _share([1 - b / a for a, b in zip(without.rates, other.rates, strict=True)])


def processor_added(without: Contender, other: Contender) -> Share:
    return _share([b / a - 1 for a, b in zip(without.costs, other.costs, strict=True)])


def _share(rounds: Sequence[float]) -> Share:
    error = math.sqrt(math.pi / 2 / len(rounds)) * statistics.stdev(rounds)
    return Share(statistics.median(rounds), error)
