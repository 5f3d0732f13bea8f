"""System checks refuse bad combinations by id, each with a hint."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from pytest_django import Settings

from bench.servers.process import REPOSITORY
from ledgerlink.checks import check_metrics, check_settings, refuse_bad_settings
from ledgerlink.tracing.checks import check_tracing
from tests.ledgerlink.test_secrets import GOOD

SOUND: dict[str, Any] = {
    "APP_ENV": "production",
    "PRODUCTION": True,
    "POSTING_MODE": "queued",
    "DB_HOST": "db",
    "REDIS_HOST": "redis",
    "DATABASES": {"default": {"PASSWORD": "x"}},
    "ALLOWED_HOSTS": ["pay.example.com"],
    "STATIC_ROOT": None,
    "TRUSTED_PROXIES": ["10.0.0.0/24", "10.1.0.5", "2001:db8::/48"],
    "PROMETHEUS_ENABLED": True,
    "METRICS_NETWORKS": ["10.2.0.0/24"],
    "METRICS_TOKEN": "",
    "SELF_SERVICE_FUNDING": False,
    "STAFF_REQUIRE_2FA": True,
    "SECRET_KEY": GOOD,
    "JWT_SECRET": GOOD[::-1],
}


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The ids that `check_settings` finds with SOUND settings, changed as given."""

    def ids(processes: str = "", **changed: Any) -> list[str]:
        monkeypatch.setenv("WEB_CONCURRENCY", processes)
        values = type("Values", (), {**SOUND, **changed})
        monkeypatch.setattr("ledgerlink.checks.settings", values)
        messages = check_settings() + check_metrics()
        assert all(message.hint for message in messages)
        return [str(message.id).removeprefix("ledgerlink.") for message in messages]

    return ids


def test_sound_production_is_accepted(found: Any) -> None:
    assert found(processes="8") == []


@pytest.mark.parametrize(
    ("changed", "ids"),
    [
        ({"APP_ENV": "prod"}, ["E001"]),
        ({"POSTING_MODE": "later"}, ["E002"]),
        ({"REDIS_HOST": ""}, ["W001"]),
        ({"TRUSTED_PROXIES": ["10.0.0.5/24"]}, ["E004"]),
        ({"TRUSTED_PROXIES": ["proxy.internal", "*"]}, ["E004", "E004"]),
        ({"METRICS_NETWORKS": ["10.2.0.5/24"]}, ["E004"]),
        ({"METRICS_TOKEN": "short"}, ["E010"]),
        ({"METRICS_NETWORKS": []}, ["W005"]),
        ({"METRICS_NETWORKS": [], "METRICS_TOKEN": GOOD}, []),
        ({"METRICS_NETWORKS": [], "PROMETHEUS_ENABLED": False}, []),
        ({"ALLOWED_HOSTS": []}, ["E005"]),
        ({"ALLOWED_HOSTS": ["a.example", "*"]}, ["E005"]),
        ({"JWT_SECRET": GOOD}, ["E006"]),
        ({"DATABASES": {"default": {"PASSWORD": ""}}}, ["E007"]),
        ({"DATABASES": {"default": {"PASSWORD": "development-only"}}}, ["E007"]),
        ({"STATIC_ROOT": Path("nothing-was-collected-here")}, ["E012"]),
        ({"SELF_SERVICE_FUNDING": True}, ["W002"]),
        ({"STAFF_REQUIRE_2FA": False}, ["W004"]),
    ],
)
def test_bad_combination_is_found(changed: dict[str, Any], ids: list[str], found: Any) -> None:
    assert found(**changed) == ids


def test_several_processes_without_redis_are_refused(found: Any) -> None:
    assert found(processes="2", REDIS_HOST="") == ["E003", "W001"]
    assert found(processes="2", REDIS_HOST="", DB_HOST="") == ["E003"]
    assert found(processes="1", REDIS_HOST="", DB_HOST="") == []


def test_development_may_do_what_production_may_not(found: Any) -> None:
    loose = {"ALLOWED_HOSTS": ["*"], "JWT_SECRET": GOOD, "SELF_SERVICE_FUNDING": True}
    assert found(APP_ENV="development", PRODUCTION=False, **loose) == []


@pytest.mark.django_db(transaction=True)
def test_server_does_not_start_with_bad_settings(settings: Settings) -> None:
    refuse_bad_settings()
    settings.POSTING_MODE = "later"
    with pytest.raises(ImproperlyConfigured, match="POSTING_MODE is 'later'"):
        refuse_bad_settings()


@pytest.mark.parametrize(
    ("endpoint", "ids"),
    [
        ("http://127.0.0.1:4318", []),
        ("https://otlp.example.com/tenant/", []),
        ("otel-collector:4318", ["ledgerlink.E014"]),
        ("http://collector:port", ["ledgerlink.E014"]),
        ("http://collector:4318/v1/traces", ["ledgerlink.E014"]),
    ],
)
def test_the_endpoint_for_traces_is_a_base_url(
    settings: Settings, endpoint: str, ids: list[str]
) -> None:
    settings.TRACING_ENABLED, settings.OTLP_ENDPOINT = True, endpoint
    assert [message.id for message in check_tracing()] == ids
    settings.TRACING_ENABLED = False
    assert check_tracing() == []


def test_tracing_without_its_packages_is_refused_with_a_hint() -> None:
    """As the embedded set is installed."""
    script = """
import sys
sys.modules["opentelemetry"] = None
import ledgerlink.wsgi
"""
    finished = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env={**os.environ, "TRACING_ENABLED": "true"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 1
    assert "ledgerlink.E013" in finished.stderr
    assert "Install requirements.txt" in finished.stderr
