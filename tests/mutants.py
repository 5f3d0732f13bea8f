"""Mutation testing: `python -m tests.mutants [--engine NAME] [names of mutants]`.

mutmut puts one small error after the other into the files that pyproject.toml names, and runs the
tests that reach it. What no test noticed is listed; `mutmut show NAME` shows it. The figures, and
why some survive, are in docs/mutation-testing.md.
"""

import argparse
import re
import signal
import subprocess
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable

from bench.servers.process import REPOSITORY
from tests.run import ENGINES

WORKERS = {"sqlite": "2", "mariadb": "1"}  # a file for each; a server has one database for all
KILLED_AT_LEAST = 0.90
_RESULT = re.compile(r"\s*(?P<module>[\w.]+)\.[xǁ]\S*: (?P<status>[\w ]+)")


def main(arguments: list[str]) -> int:
    """Returns 0 when enough mutants were killed."""
    parser = argparse.ArgumentParser(prog="python -m tests.mutants")
    parser.add_argument("--engine", choices=WORKERS, default="sqlite")
    parser.add_argument("names", nargs="*", help="as `mutmut results` lists them; * is a wildcard")
    options = parser.parse_args(arguments)
    # A shell starts background jobs with SIGINT ignored, and the tests would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with ENGINES[options.engine]() as engine:
        command = ["run", "--max-children", WORKERS[options.engine], *options.names]
        code = subprocess.run(_mutmut(*command), cwd=REPOSITORY, env=engine.env, check=False)
    if code.returncode != 0:
        return code.returncode
    return report(_results())


def report(results: Iterable[tuple[str, str]]) -> int:
    """Print what became of the mutants of each module; 0 when enough were killed."""
    modules: dict[str, Counter[str]] = defaultdict(Counter)
    for module, status in results:
        modules[module][status] += 1
    everything = sum(modules.values(), Counter[str]())
    for module, found in [*sorted(modules.items()), ("all", everything)]:
        others = ", ".join(f"{n} {status}" for status, n in sorted(found.items()))
        print(f"{module:32} {killed(found):7.1%} of {found.total():5}  ({others})")
    return 0 if killed(everything) >= KILLED_AT_LEAST else 1


def killed(found: Counter[str]) -> float:
    """The share of mutants that made a test fail, or hang."""
    return (found["killed"] + found["timeout"]) / found.total()


def _results() -> list[tuple[str, str]]:
    """The module of each mutant, and what became of it."""
    listed = subprocess.run(
        _mutmut("results", "--all", "true"),
        cwd=REPOSITORY,
        check=True,
        capture_output=True,
        text=True,
    )
    found = map(_RESULT.fullmatch, listed.stdout.splitlines())
    return [(match["module"], match["status"]) for match in found if match is not None]


def _mutmut(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "mutmut", *arguments]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
