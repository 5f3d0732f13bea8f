"""promtool takes the configuration and the rules, and the rules pass their unit tests."""

import re
from pathlib import Path

import pytest
import yaml

from bench.servers.process import REPOSITORY
from tests.e2e.world import STANDARD
from tests.monitoring.prometheus import CONFIG, promtool

pytestmark = pytest.mark.skipif(not STANDARD, reason="once is enough")

RULES = sorted((CONFIG / "rules").glob("*.yml"))
ALERTS = [
    rule
    for file in RULES
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]


def test_rules_and_configuration_pass_promtool(tmp_path: Path) -> None:
    promtool("check", "rules", *RULES)
    config = tmp_path / "prometheus.yml"
    token = tmp_path / "token"
    token.touch()
    shipped = (CONFIG / "prometheus.yml").read_text()
    config.write_text(
        shipped.replace("/run/secrets/metrics_token", str(token)).replace(
            "rules/*.yml", f"{CONFIG}/rules/*.yml"
        )
    )
    assert "2 rule files found" in promtool("check", "config", config)


def test_rules_pass_their_unit_tests() -> None:
    promtool("test", "rules", CONFIG / "tests" / "rules.yml")


def test_every_alert_has_a_test_that_it_fires_and_one_that_it_is_quiet() -> None:
    tests = (CONFIG / "tests" / "rules.yml").read_text()
    for alert in ALERTS:
        for case in ("fires", "is quiet"):
            assert f"- name: {alert['alert']} {case}\n" in tests


def test_every_alert_says_how_bad_it_is_and_what_to_do() -> None:
    for alert in ALERTS:
        name = alert["alert"]
        assert alert["labels"]["severity"] in {"critical", "warning"}
        assert alert["annotations"].keys() == {"summary", "description", "runbook_url"}
        assert alert["annotations"]["runbook_url"] == f"docs/operations.md#{name.lower()}"


def test_every_alert_has_its_part_in_the_operations_manual() -> None:
    manual = (REPOSITORY / "docs" / "operations.md").read_text()
    part = manual[manual.index("\n## Alerts\n") :]
    headings = re.findall(r"^### (Ledger\w+)$", part, re.MULTILINE)
    assert headings == [alert["alert"] for alert in ALERTS]
