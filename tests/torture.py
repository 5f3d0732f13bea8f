"""The faults again and again, on each engine in turn, each round with a seed of its own:
`python -m tests.torture [--engine NAME] [pytest arguments]`.

Begins no round later than TORTURE_SECONDS (3600) from the start. Stops at the first failure and
says how to replay it.
"""

import os
import random
import signal
import sys
import time
from itertools import count, cycle

from tests import run

SECONDS = 3600.0


def main(arguments: list[str]) -> int:
    """Returns 0 when no round failed."""
    engines = [] if "--engine" in arguments else [["--engine", name] for name in run.USUAL]
    rounds = zip(count(1), cycle(engines or [[]]), strict=False)
    until = time.monotonic() + float(os.environ.get("TORTURE_SECONDS", SECONDS))
    for number, engine in rounds:
        if time.monotonic() > until:
            print(f"\n{number - 1} rounds, and nothing was lost or doubled.")
            break
        seed = random.randrange(2**32)
        asked = [*engine, "tests/faults", "-x", "-q", f"--hypothesis-seed={seed}", *arguments]
        print(f"\n==== Round {number}, seed {seed} ====", flush=True)
        if run.main(asked) != 0:
            print(f"\nRound {number} failed. Replay it with:\n  make test ARGS={' '.join(asked)!r}")
            return 1
    return 0


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main(sys.argv[1:]))
