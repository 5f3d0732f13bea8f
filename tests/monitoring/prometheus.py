"""A real Prometheus with the shipped configuration and rules, which reads one server."""

import json
import shutil
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from bench.servers import packages
from bench.servers.packages import program
from bench.servers.process import REPOSITORY, Server, run

CONFIG = REPOSITORY / "config" / "prometheus"
Sample = tuple[float, float]  # seconds since the epoch, value


class QueryError(Exception):
    """Prometheus does not take the expression."""


class Prometheus(Server):
    """config/prometheus with another target, another token, and a shorter interval."""

    def __init__(self, target: str, token: str, interval: int = 1) -> None:
        """`target` is host:port; `interval` is seconds."""
        super().__init__()
        self._target = target
        self._token = token
        self._interval = interval

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        packages.PROMETHEUS.ensure()
        self.make_directory()
        shutil.copytree(CONFIG / "rules", self.directory / "rules")
        (self.directory / "token").write_text(self._token)
        (self.directory / "prometheus.yml").write_text(self._config())
        self.launch(
            [
                program("prometheus"),
                f"--config.file={self.directory / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.directory / 'data'}",
                f"--web.listen-address=127.0.0.1:{self.port}",
                "--log.level=warn",
            ],
            self._answers,
        )

    def _config(self) -> str:
        text = (CONFIG / "prometheus.yml").read_text()
        for shipped, here in (
            ('"app:8080"', f'"{self._target}"'),
            ('"localhost:9090"', f'"127.0.0.1:{self.port}"'),
            ("/run/secrets/metrics_token", str(self.directory / "token")),
            ("15s", f"{self._interval}s"),
            ("10s", f"{self._interval}s"),
        ):
            assert shipped in text
            text = text.replace(shipped, here)
        return text

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.url}/-/ready", timeout=5) as answer:  # noqa: S310 - ours
                return bool(answer.status == 200)
        except OSError:
            return False

    def get(self, path: str, **parameters: str) -> Any:
        """What the HTTP API answers as `data`. Raises QueryError."""
        address = f"{self.url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}"
        try:
            with urllib.request.urlopen(address, timeout=20) as answer:  # noqa: S310 - ours
                return json.load(answer)["data"]
        except urllib.error.HTTPError as error:
            raise QueryError(json.load(error)["error"]) from error

    def now(self, expression: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        """Labels and value of each series, at a moment (seconds since the epoch)."""
        moment = {} if at is None else {"time": str(at)}
        found = self.get("query", query=expression, **moment)
        if found["resultType"] == "scalar":
            return [({}, float(found["result"][1]))]
        return [(one["metric"], float(one["value"][1])) for one in found["result"]]

    def over(
        self, expression: str, *, start: float, end: float, step: int
    ) -> list[tuple[dict[str, str], list[Sample]]]:
        """Labels and samples of each series, between two moments."""
        found = self.get(
            "query_range", query=expression, start=str(start), end=str(end), step=f"{step}s"
        )
        return [
            (one["metric"], [(float(at), float(value)) for at, value in one["values"]])
            for one in found["result"]
        ]


def promtool(*arguments: str | Path) -> str:
    """What it printed; raises ServerError when it finds fault."""
    packages.PROMETHEUS.ensure()
    return run([program("promtool"), *map(str, arguments)])
