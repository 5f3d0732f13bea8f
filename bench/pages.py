"""Does any page of a list cost what the first one costs? Run `python -m bench.pages`.

Loads an account with a million entries into a scratch database on SQLite and on MariaDB, asks for
pages near its newest and its oldest end through the API, in turn, and prints the shortest time of
each with the ratio of the two. Exits 1 when a ratio is beyond 2.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

START = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=30)  # between two entries: a million are almost a year
CHUNK = 20_000
ROUNDS = 30
LIMIT = 2.0

Ask = Callable[[], Any]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.pages")
    parser.add_argument("--engine", choices=["sqlite", "mariadb"], help="on this one only")
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--here", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.here:
        return measure(options.entries)
    return max(run(name, options.entries) for name in engines_asked(options.engine))


def engines_asked(name: str | None) -> list[str]:
    return [name] if name else ["sqlite", "mariadb"]


def run(name: str, entries: int) -> int:
    """Measure in a process of its own, which finds the engine in its environment."""
    from bench.servers.engines import embedded, standard

    engine_of = {"sqlite": embedded, "mariadb": standard}[name]
    with engine_of() as engine, tempfile.TemporaryDirectory(prefix="ledger-bench-") as directory:
        print(f"==== {engine.name}, {entries:,} entries ====", flush=True)
        command = [sys.executable, "-m", "bench.pages", "--here", "--entries", str(entries)]
        database = str(Path(directory) / "bench.sqlite3")
        quiet = {"RATELIMIT_ENABLE": "false", "LOG_LEVEL": "WARNING"}
        env = {**engine.env, "SQLITE_PATH": database, **quiet}
        return subprocess.run(command, env=env, check=False).returncode


def measure(entries: int) -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledgerlink.settings")
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    started = time.perf_counter()
    load(entries)
    print(f"loaded in {time.perf_counter() - started:.0f} s")
    worst = 0.0
    for title, newest, oldest in pairs(entries):
        near, far = timed(newest, oldest)
        worst = max(worst, far / near)
        print(f"{title:<44} {near * 1e3:7.2f} ms {far * 1e3:7.2f} ms   {far / near:5.2f}x")
    print(f"worst ratio {worst:.2f}; the limit is {LIMIT:g}")
    return int(worst > LIMIT)


def timed(*questions: Ask) -> list[float]:
    """The seconds that each answer takes: the shortest time, which other programs disturb least."""
    shortest = [float("inf")] * len(questions)
    for _ in range(ROUNDS):
        for number, ask in enumerate(questions):
            started = time.perf_counter()
            response = ask()
            if response.streaming:
                b"".join(response.streaming_content)
            shortest[number] = min(shortest[number], time.perf_counter() - started)
            assert response.status_code == 200, response.content
    return shortest


def load(entries: int) -> None:
    """Alice's account: transfers from and to Bob in turn, one every 30 seconds."""
    from django.db.transaction import atomic

    from audit.models import AuditLog
    from balances.models import Balance, BalanceHistory
    from ledgerlink.rows import insert_rows
    from transactions.models import Transaction
    from users.models import User

    alice, bob = (User.objects.create(username=name) for name in ("alice", "bob"))
    User.objects.create(username="auditor", role="auditor")
    end = START + STEP * entries
    mine, his = (
        Balance.objects.create(
            user=user, currency="USD", version=entries, entry_count=entries, updated_at=end
        )
        for user in (alice, bob)
    )
    Balance.objects.filter(pk=mine.pk).update(version=entries + 1, amount=2 * (entries % 2))
    for first in range(0, entries, CHUNK):
        numbers = range(first, min(first + CHUNK, entries))
        with atomic():
            insert_rows(
                Transaction, TRANSACTION, [transaction(n, mine.pk, his.pk) for n in numbers]
            )
            insert_rows(BalanceHistory, ENTRY, [entry(n, mine.pk) for n in numbers])
            insert_rows(AuditLog, RECORD, [record(n, alice.pk) for n in numbers])


TRANSACTION = (
    "id",
    "type",
    "status",
    "source_id",
    "destination_id",
    "amount",
    "currency",
    "description",
    "reference",
    "metadata",
    "failure_code",
    "created_at",
    "effective_at",
    "completed_at",
)
ENTRY = (
    "balance_id",
    "transaction_id",
    "delta",
    "amount_before",
    "amount_after",
    "version",
    "created_at",
)
RECORD = (
    "actor_id",
    "actor_name",
    "action",
    "entity_type",
    "entity_id",
    "details",
    "request_id",
    "trace_id",
    "created_at",
)


def moment(number: int) -> datetime:
    return START + STEP * number


def key(number: int) -> UUID:
    """A UUIDv7 of the moment."""
    milliseconds = int(moment(number).timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | number)


def transaction(number: int, mine: int, his: int) -> tuple[Any, ...]:
    at = moment(number)
    sides = (his, mine) if number % 2 == 0 else (mine, his)
    kind = ("transfer", "completed", *sides, 2, "USD")
    return key(number), *kind, "Rent", f"R-{number}", {}, "", at, at, at


def entry(number: int, mine: int) -> tuple[Any, ...]:
    before, after = (0, 2) if number % 2 == 0 else (2, 0)
    return mine, key(number), after - before, before, after, number + 1, moment(number)


def record(number: int, actor: int) -> tuple[Any, ...]:
    """Of the audit trail."""
    who, about = (str(actor), "alice"), ("transaction", str(key(number)))
    return *who, "transaction.completed", *about, {}, f"request-{number}", "", moment(number)


def pairs(entries: int) -> Iterator[tuple[str, Ask, Ask]]:
    """What is asked at the newest end, and the same at the oldest."""
    from django.conf import settings
    from django.test import Client
    from rest_framework_simplejwt.tokens import AccessToken

    from ledgerlink.pagination import Cursor
    from users.models import User

    settings.ALLOWED_HOSTS = ["*"]

    def asking(path: str, who: str = "alice") -> Callable[..., Ask]:
        token = AccessToken.for_user(User.objects.get(username=who))
        client = Client(headers={"Authorization": f"Bearer {token}"})
        return lambda **query: lambda: client.get(f"/api/v1/{path}", query)

    history, transactions = asking("balances/history"), asking("transactions")
    current, statement = asking("balances/current"), asking("balances/statement")
    all_transactions, trail = asking("transactions", "auditor"), asking("audit", "auditor")

    def days(first: int) -> dict[str, str]:
        return {"from": wire(moment(first)), "to": wire(moment(first + 100))}

    late, early = entries - 200, 100
    oldest_place, oldest_key = Cursor("USD:50").encode(), Cursor(str(key(50))).encode()
    back_place = Cursor("USD:50", backwards=True).encode()
    back_key = Cursor(str(key(50)), backwards=True).encode()
    yield "history: first and last page", history(), history(cursor=oldest_place)
    yield "history: first page, and one backwards", history(), history(cursor=back_place)
    yield "history: first page, and a period", history(), history(**days(early))
    yield (
        "history of one transaction",
        history(transaction_id=str(key(late))),
        history(transaction_id=str(key(early))),
    )
    yield (
        "balance at a moment",
        current(at=wire(moment(late))),
        current(at=wire(moment(early))),
    )
    for kind in ("json", "csv", "pdf"):
        yield (
            f"statement of 100 entries, {kind}",
            statement(**days(late), format=kind),
            statement(**days(early), format=kind),
        )
    yield "transactions: first and last page", transactions(), transactions(cursor=oldest_key)
    yield (
        "transactions: first page, and one backwards",
        transactions(),
        transactions(cursor=back_key),
    )
    yield (
        "transactions of everybody",
        all_transactions(),
        all_transactions(cursor=oldest_key),
    )
    yield (
        "transactions of one reference",
        transactions(reference=f"R-{late}"),
        transactions(reference=f"R-{early}"),
    )
    yield (
        "transactions: first page, and one reference",
        transactions(),
        transactions(reference="R-1"),
    )
    yield "transactions: first page, and a period", transactions(), transactions(**days(early))
    everything = {"from": wire(moment(0)), "to": wire(moment(entries))}
    yield (
        "transactions of a year: first and last page",
        transactions(**everything),
        transactions(**everything, cursor=oldest_key),
    )
    yield (
        "transactions of a year: one backwards",
        transactions(**everything),
        transactions(**everything, cursor=back_key),
    )
    yield (
        "history of a year: first and last page",
        history(**everything),
        history(**everything, cursor=oldest_place),
    )
    oldest_record = Cursor("50").encode()
    by_alice = {"actor": User.objects.get(username="alice").pk}
    yield "audit trail: first and last page", trail(), trail(cursor=oldest_record)
    yield (
        "audit trail of an actor: first and last page",
        trail(**by_alice),
        trail(**by_alice, cursor=oldest_record),
    )
    yield (
        "audit trail of one transaction",
        trail(entity_type="transaction", entity_id=str(key(late))),
        trail(entity_type="transaction", entity_id=str(key(early))),
    )


def wire(at: datetime) -> str:
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")


if __name__ == "__main__":
    sys.exit(main())
