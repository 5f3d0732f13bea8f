"""Liveness and readiness.

Liveness says that the process answers. Readiness says that it can serve: the database is reached,
every migration is applied, and the settings do not contradict the books. A cache that is gone makes
it slower, not unready (`degraded`).
"""

import logging

from django.core.cache import cache
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_safe

from ledgerlink.checks import contradictions_of_the_books

logger = logging.getLogger(__name__)


@csrf_exempt  # else a method it does not know is refused with a page about cookies
@require_safe
def live(_request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok"})


@csrf_exempt
@require_safe
def ready(_request: HttpRequest) -> JsonResponse:
    """200 with `status` "ok" or "degraded", or 503; `checks` says of what."""
    database = _database()
    migrated = database and _migrations()
    serves = {
        "database": "ok" if database else "unavailable",
        "migrations": "ok" if migrated else "pending",
        "settings": "ok" if not migrated or _settings() else "contradicted",
    }
    checks = {**serves, "cache": "ok" if _cache() else "unavailable"}
    if set(serves.values()) != {"ok"}:
        answer = JsonResponse({"status": "unavailable", "checks": checks}, status=503)
        answer["Retry-After"] = "2"
        return answer
    status = "ok" if checks["cache"] == "ok" else "degraded"
    return JsonResponse({"status": status, "checks": checks})


def _database() -> bool:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
            return bool(cursor.fetchone() == (1,))
    except Error:
        connection.close()
        return False


def _migrations() -> bool:
    executor = MigrationExecutor(connection)
    return not executor.migration_plan(executor.loader.graph.leaf_nodes())


def _settings() -> bool:
    found = contradictions_of_the_books()
    for message in found:
        logger.error("%s", message)
    return not found


def _cache() -> bool:
    cache.set("health", "ok", timeout=5)
    return bool(cache.get("health") == "ok")
