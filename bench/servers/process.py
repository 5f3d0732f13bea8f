"""A server as a child process: started on a free port, waited for, stopped by its process id."""

import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Self

REPOSITORY = Path(__file__).resolve().parents[2]
PORTS = range(10_000, 32_768)  # Linux gives connections those above, macOS those from 49152
START_SECONDS = 60.0
STOP_SECONDS = 30.0


class ServerError(RuntimeError):
    """A server did not start or ended by itself; the message carries what it printed."""


def free_port() -> int:
    """Return a TCP port of 127.0.0.1 that nothing listens on at this moment. It is one of those
    that no connection gets for its own end, so that it is still free after a restart."""
    while True:
        port = secrets.choice(PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port


class Server(ABC):
    """One child process with a temporary directory; use it with `with`, or start() and stop()."""

    def __init__(self) -> None:
        self.port = free_port()
        self.directory = Path()
        self._process: subprocess.Popen[bytes] | None = None

    @abstractmethod
    def start(self) -> None:
        """Start it and return once it answers; raises ServerError."""

    @property
    def pid(self) -> int:
        """Process id of the running server; raises ServerError when it was never started."""
        if self._process is None:
            message = f"{type(self).__name__} was not started"
            raise ServerError(message)
        return self._process.pid

    def output(self) -> str:
        """Return everything the server printed so far."""
        log = self.directory / "output.log"
        return log.read_text(errors="replace") if log.exists() else ""

    def is_running(self) -> bool:
        """Whether the process is there."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """End it with SIGTERM, after 30 s with SIGKILL, and remove its directory."""
        try:
            if self._process is not None and self.is_running():
                self._process.terminate()
                try:
                    self._process.wait(STOP_SECONDS)
                except subprocess.TimeoutExpired:
                    self.kill()
        finally:
            self.remove_directory()

    def kill(self) -> None:
        """End it and its workers at once with SIGKILL, as a crash would; its directory stays."""
        if self._process is not None and self.is_running():
            with suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.stop()

    def make_directory(self) -> None:
        """Make the temporary directory unless it is there; only its owner can look into it."""
        if self.directory == Path():
            self.directory = Path(tempfile.mkdtemp(prefix="ledger-"))

    def remove_directory(self) -> None:
        """Remove the temporary directory and what the server wrote."""
        if self.directory != Path():
            shutil.rmtree(self.directory, ignore_errors=True)
            self.directory = Path()

    def launch(
        self,
        command: Sequence[str],
        answers: Callable[[], bool],
        env: Mapping[str, str] | None = None,
        cwd: Path = REPOSITORY,
    ) -> None:
        """Start `command` in a session of its own and wait until `answers()`.

        Raises ServerError when it ends before that or needs more than 60 s.
        """
        with (self.directory / "output.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not answers():
            ended = not self.is_running()
            if ended or time.monotonic() > deadline:
                why = "ended" if ended else f"did not answer within {START_SECONDS:.0f} s"
                message = f"{type(self).__name__} on port {self.port} {why}:\n{self.output()}"
                raise ServerError(message)
            time.sleep(0.02)


def run(command: Sequence[str], stdin: str = "") -> str:
    """Run a program to its end and return what it printed; raises ServerError when it fails."""
    finished = subprocess.run(command, input=stdin, capture_output=True, text=True, check=False)
    if finished.returncode != 0:
        message = f"{command[0]} failed:\n{finished.stdout}{finished.stderr}"
        raise ServerError(message)
    return finished.stdout
