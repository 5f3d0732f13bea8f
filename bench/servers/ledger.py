"""Ledger Link itself, as it is served."""

import http.client
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.servers.process import REPOSITORY, Server


class LedgerServer(Server):
    """The real server, started as `make run` starts it, with `env` on top of this environment."""

    command: Sequence[str] = (
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "config/gunicorn.conf.py",
        "ledgerlink.wsgi:application",
    )
    cwd: Path = REPOSITORY

    def __init__(
        self, env: Mapping[str, str], workers: int | None = None, threads: int | None = None
    ) -> None:
        super().__init__()
        self.env = {**os.environ, **env, "APP_PORT": str(self.port)}
        self._options = [
            f"--{name}={count}"
            for name, count in (("workers", workers), ("threads", threads))
            if count is not None
        ]

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start gunicorn and return when GET /health/ready answers 200."""
        self.make_directory()
        metrics = {"PROMETHEUS_MULTIPROC_DIR": str(self.directory / "metrics")}
        self.launch([*self.command, *self._options], self.answers, metrics | self.env, self.cwd)

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
