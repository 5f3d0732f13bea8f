"""The dashboards are what Grafana's published types allow, and what an operator needs of them."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from bench.servers import packages
from bench.servers.packages import program
from bench.servers.process import REPOSITORY
from tests.e2e.world import STANDARD
from tests.monitoring.dashboards import FOLDER, all_panels, dashboards

pytestmark = pytest.mark.skipif(not STANDARD, reason="once is enough")

TITLES = {
    "Balance Operations",
    "Cache Performance",
    "Error Rates",
    "System Overview",
    "Transaction Metrics",
    "User Activity",
}
GRAFANA, TYPESCRIPT = "@grafana/schema@12.3.1", "typescript@7.0.2"
NODE = REPOSITORY / "var" / "grafana-schema"


@pytest.fixture(scope="module")
def compiler() -> str:
    """TypeScript's, beside Grafana's schema in NODE."""
    packages.NPM.ensure()
    wanted = f"{GRAFANA} {TYPESCRIPT}"
    stamp = NODE / "installed"
    if not stamp.exists() or stamp.read_text() != wanted:
        shutil.rmtree(NODE, ignore_errors=True)
        NODE.mkdir(parents=True)
        (NODE / "package.json").write_text("{}")
        options = ["--no-package-lock", "--no-audit", "--no-fund", "--ignore-scripts"]
        command = [program("npm"), "install", *options, GRAFANA, TYPESCRIPT]
        subprocess.run(command, cwd=NODE, check=True, capture_output=True, timeout=100)
        stamp.write_text(wanted)
    return str(NODE / "node_modules" / ".bin" / "tsc")


def checked() -> Iterator[str]:
    """TypeScript that says of each part of each dashboard what it is."""
    for number, dashboard in enumerate(dashboards()):
        yield f"export const d{number}: Json<Dashboard> = {json.dumps(dashboard, indent=1)};"
        for panel in dashboard["panels"]:
            kind, name = panel["type"], f"d{number}_{panel['id']}"
            if kind == "row":
                continue
            targets = json.dumps(panel["targets"])
            custom = json.dumps(panel["fieldConfig"]["defaults"].get("custom", {}))
            options = json.dumps(panel["options"])
            fields = "{}" if kind in {"stat", "bargauge"} else f"Json<Partial<{kind}.FieldConfig>>"
            yield f"export const {name}_options: Json<{kind}.Options> = {options};"
            yield f"export const {name}_fields: {fields} = {custom};"
            yield f"export const {name}_targets: Json<Query>[] = {targets};"


def complaints(compiler: str, source: str) -> str:
    file = NODE / "dashboards.ts"
    file.write_text(source)
    options = ["--noEmit", "--strict", "--skipLibCheck", "--target", "es2022"]
    modules = ["--module", "nodenext", "--moduleResolution", "nodenext"]
    command = [compiler, *options, *modules, file.name]
    finished = subprocess.run(
        command, cwd=NODE, check=False, capture_output=True, text=True, timeout=100
    )
    return finished.stdout + finished.stderr


def test_dashboards_are_of_grafanas_published_types(compiler: str) -> None:
    types = (Path(__file__).parent / "grafana.ts").read_text()
    source = "\n".join([types, *checked()])
    assert complaints(compiler, source) == ""
    for right, wrong in (
        ('"displayMode": "list"', '"displayMode": "lists"'),
        ('"graphTooltip": 1', '"graphTooltips": 1'),
        ('"drawStyle": "line"', '"drawStyle": "lines"'),
        ('"textMode": "auto"', '"textMode": "automatic"'),
    ):
        assert right in source
        assert "error TS" in complaints(compiler, source.replace(right, wrong)), wrong


def test_there_are_six_dashboards_that_lead_to_each_other() -> None:
    found = dashboards()
    assert {dashboard["title"] for dashboard in found} == TITLES
    uids = [dashboard["uid"] for dashboard in found]
    assert len(set(uids)) == len(uids)
    for dashboard in found:
        assert dashboard["tags"] == ["ledgerlink"]
        (link,) = dashboard["links"]
        assert (link["type"], link["tags"]) == ("dashboards", ["ledgerlink"])
    linked = set(re.findall(r'"url": "/d/([\w-]+)', json.dumps(found)))
    assert linked < set(uids)


def test_every_panel_can_be_read_at_three_in_the_morning() -> None:
    for panel in all_panels():
        fields = panel.json["fieldConfig"]["defaults"]
        assert panel.json["description"], panel
        assert fields["unit"], panel
        if panel.kind == "stat":
            assert fields["thresholds"]["steps"], panel
        assert panel.json["datasource"]["uid"] == "prometheus"
        legends = [query.legend for query in panel.queries()]
        assert len(set(legends)) == len(legends) or panel.kind == "table", panel


def test_panels_fill_their_rows_and_do_not_overlap() -> None:
    for dashboard in dashboards():
        taken: set[tuple[int, int]] = set()
        for panel in dashboard["panels"]:
            place = panel["gridPos"]
            cells = {
                (x, y)
                for x in range(place["x"], place["x"] + place["w"])
                for y in range(place["y"], place["y"] + place["h"])
            }
            assert cells.isdisjoint(taken), panel["title"]
            taken |= cells
        height = max(y for _, y in taken) + 1
        assert len(taken) == 24 * height, dashboard["title"]


def test_provisioning_names_what_the_dashboards_use() -> None:
    folder = FOLDER.parent / "provisioning"
    (source,) = yaml.safe_load((folder / "datasources" / "prometheus.yml").read_text())[
        "datasources"
    ]
    assert (source["uid"], source["type"]) == ("prometheus", "prometheus")
    (provider,) = yaml.safe_load((folder / "dashboards" / "ledgerlink.yml").read_text())[
        "providers"
    ]
    assert provider["options"]["path"].endswith(f"/grafana/{FOLDER.name}")
