"""The real Prometheus reads the real server under traffic: every expression of every panel, rule
and alert is asked, and every panel has something to show."""

import json
import math
import re
import time
from html import escape

import pytest

from tests.e2e.world import STANDARD
from tests.monitoring.conftest import Monitored
from tests.monitoring.dashboards import Panel, all_panels, dashboards, substituted
from tests.monitoring.pictures import drawn
from tests.monitoring.prometheus import Prometheus

pytestmark = pytest.mark.skipif(not STANDARD, reason="once is enough, with Redis and MariaDB")

PATIENCE = 60.0  # seconds
PANELS = all_panels()


def is_empty(prometheus: Prometheus, panel: Panel) -> bool:
    """Whether one of the panel's expressions has no number to show."""
    end = time.time()
    for query in panel.queries():
        if query.instant:
            values = [value for _, value in prometheus.now(query.expression)]
        else:
            found = prometheus.over(query.expression, start=end - 20, end=end, step=1)
            values = [value for _, samples in found for _, value in samples]
        if all(math.isnan(value) for value in values):
            return True
    return False


def test_every_panel_shows_something(under_traffic: Monitored) -> None:
    empty = PANELS
    deadline = time.monotonic() + PATIENCE
    while empty and time.monotonic() < deadline:
        under_traffic.traffic.round()
        empty = [panel for panel in empty if is_empty(under_traffic.prometheus, panel)]
    assert [str(panel) for panel in empty] == []


def test_dashboards_are_drawn_with_what_they_show(under_traffic: Monitored) -> None:
    deadline = time.monotonic() + PATIENCE
    for dashboard in dashboards():
        html = "No data"
        while "No data" in html and time.monotonic() < deadline:
            under_traffic.traffic.round()
            end = time.time()
            html, _ = drawn(under_traffic.prometheus, dashboard, start=end - 15, end=end)
        for panel in dashboard["panels"]:
            assert escape(panel["title"]) in html
        assert "No data" not in html


def test_every_rule_is_evaluated(under_traffic: Monitored) -> None:
    groups = under_traffic.prometheus.get("rules")["groups"]
    rules = [rule for group in groups for rule in group["rules"]]
    assert len(rules) > 25
    for rule in rules:
        assert (rule["health"], rule.get("lastError")) == ("ok", None), rule
        found = under_traffic.prometheus.now(rule["query"])
        if rule["type"] == "recording":
            assert found != [], rule["name"]
            assert under_traffic.prometheus.now(rule["name"]) != []


def alerts(prometheus: Prometheus) -> set[str]:
    """Those that fire, or would if it went on."""
    return {alert["labels"]["alertname"] for alert in prometheus.get("alerts")["alerts"]}


def test_alerts_tell_what_is_wrong_here_and_nothing_else(under_traffic: Monitored) -> None:
    """Each round sends a batch that the queue can't hold, and a wrong password."""
    expected = {"LedgerPostingFailing", "LedgerErrorRateHigh"}
    of_a_busy_machine = {"LedgerLatencyHigh", "LedgerPostingSlow"}
    possible = expected | {"LedgerLoginFailuresHigh"} | of_a_busy_machine
    deadline = time.monotonic() + PATIENCE
    while not expected <= alerts(under_traffic.prometheus) <= possible:
        assert time.monotonic() < deadline, alerts(under_traffic.prometheus)
        under_traffic.traffic.round()


def test_variables_and_annotations_of_the_dashboards_find_something(
    under_traffic: Monitored,
) -> None:
    prometheus = under_traffic.prometheus
    for dashboard in dashboards():
        for variable in dashboard["templating"]["list"]:
            match = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
            assert match is not None
            values = prometheus.get(f"label/{match[2]}/values", **{"match[]": match[1]})
            assert values, variable["name"]
        for annotation in dashboard["annotations"]["list"]:
            if "target" in annotation:
                prometheus.now(substituted(annotation["target"]["expr"]))


def test_metrics_named_anywhere_are_ones_that_there_are(under_traffic: Monitored) -> None:
    """A name that is misspelt gives no error, only nothing."""
    known = set(under_traffic.prometheus.get("label/__name__/values"))
    shown = json.dumps(dashboards())
    named = set(re.findall(r"\b(?:ledger_|django_|process_|instance:ledger_)[\w:]+", shown))
    assert named - known <= {"django_db_errors_total"}  # there from the first error on
