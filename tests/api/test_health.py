"""GET /health and /health/ready, at the root and under /api/v1."""

from typing import Any

import pytest
from django.db import connection

from tests.api.client import Api, assert_problem, body_of

pytestmark = pytest.mark.parametrize("prefix", ["", "/api/v1"])


def test_live_answers_without_a_token_and_without_the_database(prefix: str) -> None:
    response = Api().get(f"{prefix}/health")
    assert (response.status_code, body_of(response)) == (200, {"status": "ok"})


def test_ready_says_what_it_checked(prefix: str, anonymous: Api) -> None:
    response = anonymous.get(f"{prefix}/health/ready")
    assert response.status_code == 200
    checks = {"database": "ok", "migrations": "ok", "settings": "ok", "cache": "ok"}
    assert body_of(response) == {"status": "ok", "checks": checks}


def test_ready_while_a_migration_is_missing_is_unavailable(
    prefix: str, db: None, anonymous: Api
) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'audit'")
    response = anonymous.get(f"{prefix}/health/ready")
    assert (response.status_code, response["Retry-After"]) == (503, "2")
    checks = {"database": "ok", "migrations": "pending", "settings": "ok", "cache": "ok"}
    assert body_of(response) == {"status": "unavailable", "checks": checks}


def test_ready_without_a_cache_is_degraded(prefix: str, settings: Any, anonymous: Api) -> None:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}}
    response = anonymous.get(f"{prefix}/health/ready")
    assert response.status_code == 200
    checks = {"database": "ok", "migrations": "ok", "settings": "ok", "cache": "unavailable"}
    assert body_of(response) == {"status": "degraded", "checks": checks}


@pytest.mark.parametrize("name", ["health", "health/ready"])
def test_health_takes_no_post(prefix: str, name: str, anonymous: Api) -> None:
    response = anonymous.post(f"{prefix}/{name}", {})
    assert response["Allow"] == "GET, HEAD"
    assert_problem(response, 405, "method_not_allowed")
