"""GET /metrics: who may read it, and how many series a stranger can make."""

import subprocess
import sys
from collections.abc import Iterator

import pytest
from django.core.handlers.base import BaseHandler
from django.db import OperationalError
from django.test import Client, RequestFactory
from prometheus_client import REGISTRY
from prometheus_client.core import Metric
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from bench.servers.process import REPOSITORY
from ledgerlink.metrics import requests, stored
from tests.e2e.world import STANDARD
from tests.ledgerlink.test_secrets import GOOD

PROXY, PROMETHEUS, STRANGER = "10.0.0.1", "10.0.5.9", "203.0.113.9"


@pytest.fixture(autouse=True)
def read_in_this_thread(db: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Another thread's connection can't see a test's own transaction."""

    def at_once(read: stored.Read) -> stored.Reading:
        reading = stored.Reading()
        stored.finish(reading, read)
        return reading

    monkeypatch.setattr(stored, "in_background", at_once)
    stored.forget()
    yield
    stored.forget()


def scrape(
    peer: str = "127.0.0.1", token: str = "", forwarded: str = "", host: str = "app:8080"
) -> tuple[int, str]:
    headers = {"Host": host}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    if forwarded:
        headers["X-Forwarded-For"] = forwarded
    response = Client().get("/metrics", headers=headers, REMOTE_ADDR=peer)
    return response.status_code, response.content.decode()


def test_metrics_are_read_from_the_networks_named(settings: Settings) -> None:
    settings.METRICS_NETWORKS = ["10.0.5.0/24", "2001:db8::/48"]
    settings.ALLOWED_HOSTS = ["pay.example.com"]  # Prometheus asks for another name
    status, text = scrape(PROMETHEUS)
    assert status == 200
    names = {family.name for family in text_string_to_metric_families(text)}
    assert {"ledger_transactions", "ledger_posting_queue_depth", "ledger_database_up"} <= names
    assert scrape("2001:db8::5")[0] == 200
    assert scrape(f"::ffff:{PROMETHEUS}")[0] == 200
    status, text = scrape(STRANGER)
    assert status == 403
    assert "ledger_" not in text
    assert scrape("127.0.0.1")[0] == 403


def test_an_address_is_forwarded_by_trusted_proxies_only(settings: Settings) -> None:
    settings.METRICS_NETWORKS = ["10.0.5.0/24", PROXY]
    settings.TRUSTED_PROXIES = []
    assert scrape(STRANGER, forwarded=PROMETHEUS)[0] == 403
    settings.TRUSTED_PROXIES = [PROXY]
    assert scrape(STRANGER, forwarded=PROMETHEUS)[0] == 403
    assert scrape(PROXY, forwarded=STRANGER)[0] == 403
    assert scrape(PROXY, forwarded=f"{PROMETHEUS}, {STRANGER}")[0] == 403
    assert scrape(PROXY, forwarded=PROMETHEUS)[0] == 200


def test_metrics_are_read_with_the_token_from_anywhere(settings: Settings) -> None:
    settings.METRICS_NETWORKS, settings.METRICS_TOKEN = [], GOOD
    assert scrape(STRANGER, token=GOOD)[0] == 200
    for wrong in ("", GOOD[:-1], GOOD + "x", "é"):
        assert scrape(STRANGER, token=wrong)[0] == 401
    settings.METRICS_TOKEN = ""
    assert scrape(STRANGER, token="")[0] == 403


def test_metrics_take_no_other_method(settings: Settings) -> None:
    settings.METRICS_NETWORKS = ["127.0.0.1"]
    assert Client().post("/metrics").status_code == 404


def series() -> int:
    return sum(len(family.samples) for family in REGISTRY.collect())


@pytest.mark.skipif(STANDARD, reason="once is enough: no statement is sent")
def test_ten_thousand_paths_and_methods_that_are_not_there_add_no_series() -> None:
    handler = BaseHandler()
    handler.load_middleware()
    factory = RequestFactory()

    def ask(number: int) -> None:
        path = f"/api/v1/balances/{number:x}" if number % 2 else f"/{number:x}?user={number}"
        method = "GET" if number % 3 else f"X{number}"
        assert handler.get_response(factory.generic(method, path)).status_code == 404

    def ask_known(number: int) -> None:
        request = factory.generic(f"X{number}", "/health")
        assert handler.get_response(request).status_code == 405

    for number in range(6):
        ask(number)
        ask_known(number)
    before = series()
    for number in range(10_000):
        ask(number)
    for number in range(200):
        ask_known(number)
    assert series() == before


def count_of(**labels: str) -> float:
    name = "django_http_responses_total_by_status_view_method_total"
    return REGISTRY.get_sample_value(name, labels) or 0.0


def test_each_request_is_counted_once_with_the_status_that_was_sent(settings: Settings) -> None:
    live = {"status": "200", "view": "health", "method": "GET"}
    too_large = {"status": "413", "view": requests.NO_VIEW, "method": "POST"}
    before = count_of(**live), count_of(**too_large)
    for _ in range(3):
        Client().get("/health")
    settings.MAX_BODY_BYTES = 10
    Client().post("/api/v1/auth/login", "{" * 11, content_type="application/json")
    assert (count_of(**live), count_of(**too_large)) == (before[0] + 3, before[1] + 1)
    assert REGISTRY.get_sample_value("ledger_http_requests_in_progress") == 0


def test_a_metric_that_fails_does_not_fail_the_request(monkeypatch: pytest.MonkeyPatch) -> None:
    metrics = requests.RequestMetrics.get_instance()

    def fail(*_values: float) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(metrics.in_progress, "inc", fail)
    monkeypatch.setattr(requests, "_view", fail)
    assert Client().get("/health").status_code == 200
    monkeypatch.undo()
    metrics.in_progress.set(0)


def test_without_the_database_only_that_is_told(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.METRICS_NETWORKS = ["127.0.0.1"]

    def refuse() -> list[Metric]:
        raise OperationalError("gone")

    monkeypatch.setattr(stored, "_read", refuse)
    status, text = scrape()
    assert status == 200
    assert "ledger_database_up 0.0" in text
    assert "ledger_customer_funds{" not in text


_OFF = """
import sys, django
django.setup()
from django.conf import settings
from django.test import Client
assert Client().get("/metrics").status_code == 404
from transactions.signals import transactions_posted, unit_answered
assert unit_answered.receivers == []
assert not any("metrics" in str(key) for key, *_ in transactions_posted.receivers)
assert not any("prometheus" in name for name in sys.modules)
"""


def test_turned_off_nothing_of_it_is_there() -> None:
    env = {
        "PROMETHEUS_ENABLED": "false",
        "DJANGO_SETTINGS_MODULE": "ledgerlink.settings",
        "APP_ENV": "test",
        "DB_HOST": "",
        "REDIS_HOST": "",
    }
    subprocess.run([sys.executable, "-c", _OFF], cwd=REPOSITORY, env=env, check=True)
