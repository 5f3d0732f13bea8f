"""How fast is it? `python -m bench` measures, prints one table, and saves it.

bench/README.md tells what each workload is, and against what it is held. BENCH_SECONDS is the
length of each run (15); a workload is run ROUNDS times, in turn with those that it is compared to,
and the medians are shown. Exits 1 when a target is missed.
"""

import json
import os
import sys
from contextlib import ExitStack

from bench import table
from bench.report import Report
from bench.servers.process import REPOSITORY
from bench.servers.redis import Redis
from bench.stage import ProductionMariaDB, Stage, embedded, production, run_here, standard
from bench.table import Measured
from bench.tracing import collector

SECONDS = float(os.environ.get("BENCH_SECONDS", "15"))
ROUNDS = 3
REPORT = 4 / 3  # runs' lengths that a report takes, and what runs beside it: 20 seconds of 15
STEADY = 40  # runs' lengths under load without a break: ten minutes of 15 seconds
ROWS = int(os.environ.get("BENCH_ROWS", "5000000"))  # transfers of the past in the large books
SMALL, LARGE = (10_000, 100), (ROWS, 10_000)  # among how many people
RESULTS = REPOSITORY / "bench/results/latest.json"


def main() -> int:
    with ExitStack() as stack:
        env = production(stack.enter_context(collector()))
        mariadb = stack.enter_context(ProductionMariaDB())
        redis = stack.enter_context(Redis())
        say(f"filling three databases, one with {ROWS:,} transfers")
        small = stack.enter_context(standard(mariadb, redis, env, "small", SMALL))
        large = stack.enter_context(standard(mariadb, redis, env, "large", LARGE))
        single = stack.enter_context(embedded(env))
        rows = table.rows(measure(small, large, single))
    table.show(rows)
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps([row.as_json() for row in rows], indent=2) + "\n")
    say(f"saved as {RESULTS.relative_to(REPOSITORY)}")
    return int(any(row.met is False for row in rows))


def measure(small: Stage, large: Stage, single: Stage) -> Measured:
    """Workloads that are compared take turns, so that other programs disturb all alike."""
    measured = Measured()
    page_of = {"page, 10,000 rows": (small, 100), "page, 5,000,000 rows": (large, 10_000)}
    for _ in range(ROUNDS):
        for name, (stage, active) in page_of.items():
            measured.add(name, stage.drive(stage.pages(active), SECONDS))
    for number in range(ROUNDS):
        say(f"round {number + 1} of {ROUNDS}")
        measured.add("floor", small.drive(small.floor(), SECONDS))
        measured.add("transfers", small.drive(small.transfers(), SECONDS), small)
        measured.add("hot account", small.drive(small.hot_transfers(), SECONDS))
        run_here("bench.warming", small.server.env)
        measured.add("balance read", small.drive(small.balances(), SECONDS))
        measured.add("batch of 1,000", small.drive(small.batches(), SECONDS, connections=4))
        measured.add("transfers, 5,000,000 rows", large.drive(large.transfers(), SECONDS))
        measured.add("embedded", single.drive(single.transfers(), SECONDS), single)
        measured.alone("ceiling", run_here("bench.ceiling", small.server.env, str(SECONDS)))
        measured.alone(
            "original's pattern", run_here("bench.original", small.server.env, str(SECONDS))
        )
    measured.add("transfers, undisturbed", large.drive(large.transfers(), SECONDS * REPORT))
    with Report(large) as report:
        measured.add("transfers beside a report", large.drive(large.transfers(), SECONDS * REPORT))
    say(f"the report took {report.seconds:.0f} s")
    for _ in range(2):
        measured.steady(small, small.drive(small.transfers(), SECONDS * STEADY / 2))
    return measured


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
