"""Runs the suite on each topology: `python -m tests.run [--engine NAME] [pytest arguments]`.

The engines run at the same time, each with servers, ports and directories of its own; what each
prints is shown whole, one after the other. With `--engine`, pytest has the terminal to itself, for
`--pdb`. Ends with one line per engine. Exits 1 when the suite failed on one, and also when one
could not be had, unless ALLOW_MISSING_ENGINES=1 (which CI ignores).

Oracle's MySQL is run on when it is asked for by name.
"""

import argparse
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, ExitStack, suppress
from dataclasses import dataclass
from pathlib import Path
from types import FrameType, TracebackType
from typing import Self

from bench.servers.engines import Engine, MissingEngineError, embedded, mysql, standard
from bench.servers.process import REPOSITORY

ENGINES: dict[str, Callable[[], AbstractContextManager[Engine]]] = {
    "sqlite": embedded,
    "mariadb": standard,
    "mysql": mysql,
}
USUAL = ("sqlite", "mariadb")
GLANCE = 0.2  # seconds between two looks at what a run has printed


def main(arguments: list[str]) -> int:
    """Run what was asked for; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.run", allow_abbrev=False)
    parser.add_argument("--engine", choices=ENGINES, help="run on this one only")
    options, pytest_arguments = parser.parse_known_args(arguments)
    signal.signal(signal.SIGTERM, _exit_on_signal)
    # A shell starts background jobs with SIGINT ignored, and pytest would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)

    chosen = [options.engine] if options.engine else list(USUAL)
    with ExitStack() as stack:
        logs = None
        if len(chosen) > 1:
            logs = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ledger-tests-")))
        runs = [_begun(name, pytest_arguments, logs, stack) for name in chosen]
        results = []
        for number, run in enumerate(runs, start=1):
            _say(f"==== Engine {number} of {len(runs)}: {run.title} ====")
            results.append(run.finish())
    _say("\n".join(["==== Engines ====", *(line for _, line in results)]))
    return 0 if all(passed for passed, _ in results) else 1


@dataclass
class Missing:
    """An engine that could not be had."""

    name: str
    why: str

    @property
    def title(self) -> str:
        return f"{self.name} CANNOT BE HAD"

    def finish(self) -> tuple[bool, str]:
        """Say why; whether that is allowed, and the summary line."""
        print(self.why, flush=True)
        allowed = os.environ.get("ALLOW_MISSING_ENGINES") == "1" and not _in_ci()
        return allowed, f"NOT RUN  {self.name}: {self.why.splitlines()[0]}"


class Run:
    """pytest on one engine, in a process of its own. With a `log` it does not share the terminal,
    neither the output nor Ctrl-C."""

    def __init__(self, engine: Engine, command: Sequence[str], log: Path | None) -> None:
        self.title = engine.name
        self._log = log
        self._started = time.monotonic()
        with ExitStack() as stack:
            self._process = subprocess.Popen(
                command,
                cwd=REPOSITORY,
                env=engine.env,
                stdout=stack.enter_context(log.open("wb")) if log else None,
                stderr=subprocess.STDOUT if log else None,
                process_group=0 if log else None,
            )

    def finish(self) -> tuple[bool, str]:
        """Show what it printed, and prints, until it ends; whether it passed, and the summary
        line."""
        if self._log is not None:
            self._show(self._log)
        code = self._process.wait()
        seconds = time.monotonic() - self._started
        verdict = "passed " if code == 0 else f"FAILED (pytest exit code {code}) "
        return code == 0, f"{verdict}  {self.title} in {seconds:.0f} s"

    def _show(self, log: Path) -> None:
        with log.open("rb") as printed:
            ended = False
            while not ended:
                with suppress(subprocess.TimeoutExpired):
                    self._process.wait(GLANCE)
                ended = self._process.poll() is not None
                sys.stdout.buffer.write(printed.read())
                sys.stdout.buffer.flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Let it stop the servers that tests started, when it is left before its end."""
        if self._process.poll() is None:
            was_told = self._log is None and kind is KeyboardInterrupt
            if not was_told:
                self._process.send_signal(signal.SIGINT)
            self._process.wait()


def _begun(
    name: str, arguments: Sequence[str], logs: Path | None, stack: ExitStack
) -> Run | Missing:
    """The suite on this engine, which has begun; both are stopped with `stack`."""
    colour = ["--color=yes"] if logs and sys.stdout.isatty() else []
    own_cache = f"cache_dir=.pytest_cache/{name}"  # so that --lf is about this engine
    command = [sys.executable, "-m", "pytest", "-o", own_cache, *colour, *arguments]
    try:
        engine = stack.enter_context(ENGINES[name]())
    except MissingEngineError as error:
        return Missing(name, str(error))
    return stack.enter_context(Run(engine, command, logs and logs / name))


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in ("", "0", "false")


def _say(text: str) -> None:
    print(f"\n{text}", flush=True)


def _exit_on_signal(number: int, frame: FrameType | None) -> None:
    """Leave through the `with` blocks, so that the servers are stopped."""
    sys.exit(128 + number)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
