"""What do metrics cost? Run `python -m bench.metrics`.

Starts the real server twice on the same database, with PROMETHEUS_ENABLED and without. Exits 1 when
the median of the rounds' ratios shows a cost of 5% or more of the throughput.
"""

import sys

from bench.race import main, processor_added, race, show, throughput_lost

ROUNDS = 100
MAX_COST = 0.05


def measure(rounds: int) -> int:
    servers = {
        "without metrics": {"PROMETHEUS_ENABLED": "false"},
        "with metrics": {"PROMETHEUS_ENABLED": "true"},
    }
    both = race(rounds, servers)
    show(both)
    lost = throughput_lost(*both)
    print(f"throughput lost  {lost}   the limit is {MAX_COST:.0%}")
    print(f"processor time   {processor_added(*both)} more")
    return int(lost.median >= MAX_COST)


if __name__ == "__main__":
    sys.exit(main("bench.metrics", measure, rounds=ROUNDS))
