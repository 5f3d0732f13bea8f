"""Runs the suite on each topology: `python -m tests.run [--engine NAME] [pytest arguments]`.

Ends with one line per engine. Exits 1 when the suite failed on one, and also when one could not
be had, unless ALLOW_MISSING_ENGINES=1 (which CI ignores).
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from types import FrameType

from bench.servers.engines import Engine, MissingEngineError, embedded, standard
from bench.servers.process import REPOSITORY

ENGINES: dict[str, Callable[[], AbstractContextManager[Engine]]] = {
    "sqlite": embedded,
    "mariadb": standard,
}


def main(arguments: list[str]) -> int:
    """Run what was asked for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.run", allow_abbrev=False)
    parser.add_argument("--engine", choices=ENGINES, help="run on this one only")
    options, pytest_arguments = parser.parse_known_args(arguments)
    signal.signal(signal.SIGTERM, _exit_on_signal)
    # A shell starts background jobs with SIGINT ignored, and pytest would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    chosen = [options.engine] if options.engine else list(ENGINES)
    missing_is_allowed = os.environ.get("ALLOW_MISSING_ENGINES") == "1" and not _in_ci()
    summary: list[str] = []
    success = True
    for number, name in enumerate(chosen, start=1):
        try:
            with ENGINES[name]() as engine:
                _say(f"==== Engine {number} of {len(chosen)}: {engine.name} ====")
                passed, line = _run_pytest(engine, pytest_arguments)
        except MissingEngineError as error:
            _say(f"==== Engine {number} of {len(chosen)}: {name} CANNOT BE HAD ====\n{error}")
            passed, line = missing_is_allowed, f"NOT RUN  {name}: {str(error).splitlines()[0]}"
        success = success and passed
        summary.append(line)
    _say("\n".join(["==== Engines ====", *summary]))
    return 0 if success else 1


def _run_pytest(engine: Engine, arguments: list[str]) -> tuple[bool, str]:
    """Run pytest in a process of its own; returns whether it passed, and its summary line."""
    started = time.monotonic()
    command = [sys.executable, "-m", "pytest", *arguments]
    with subprocess.Popen(command, cwd=REPOSITORY, env=engine.env) as process:
        try:
            code = process.wait()
        except SystemExit:
            process.send_signal(signal.SIGINT)  # lets pytest stop the servers that tests started
            raise
    seconds = time.monotonic() - started
    verdict = "passed " if code == 0 else f"FAILED (pytest exit code {code}) "
    return code == 0, f"{verdict}  {engine.name} in {seconds:.0f} s"


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)


def _exit_on_signal(number: int, frame: FrameType | None) -> None:
    """Leave through the `with` blocks, so that the servers are stopped."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
