"""The dashboards as Grafana reads them: panels, and what each asks Prometheus."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from bench.servers.process import REPOSITORY

FOLDER = REPOSITORY / "config" / "grafana" / "dashboards"


@dataclass(frozen=True, slots=True)
class Query:
    """An expression of PromQL with its legend; at one moment, or over the time range."""

    expression: str
    legend: str
    instant: bool


@dataclass(frozen=True, slots=True)
class Panel:
    dashboard: str
    title: str
    kind: str
    json: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.dashboard}: {self.title}"

    def queries(self, **variables: str) -> list[Query]:
        return [
            Query(substituted(t["expr"], **variables), t["legendFormat"], t["instant"])
            for t in self.json["targets"]
        ]


def dashboards() -> list[dict[str, Any]]:
    return [json.loads(file.read_text()) for file in sorted(FOLDER.glob("*.json"))]


def panels(dashboard: Mapping[str, Any]) -> Iterator[Panel]:
    """Rows aside."""
    for panel in dashboard["panels"]:
        if panel["type"] != "row":
            yield Panel(dashboard["title"], panel["title"], panel["type"], panel)


def all_panels() -> list[Panel]:
    return [panel for dashboard in dashboards() for panel in panels(dashboard)]


def substituted(expression: str, *, rate_interval: str = "15s", shown: str = "5m") -> str:
    """With everything chosen in the variables, as Grafana would send it."""
    values = {
        "__rate_interval": rate_interval,
        "__range": shown,
        "instance": ".+",
        "currency": ".+",
    }
    return re.sub(r"\$(\w+)", lambda match: values[match[1]], expression)
