"""One line for each request that was answered."""

import logging
import time
from collections.abc import Callable
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.functional import SimpleLazyObject

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
PROBES = frozenset({"health", "health-ready"})

logger = logging.getLogger(__name__)


class RequestLogMiddleware:
    """Tells the route, never the path or the query, which hold what callers typed. What `/metrics`
    and probes ask when all is well stays below INFO: they ask every few seconds, for good."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        response = self.get_response(request)
        match: Any = getattr(request, "resolver_match", None)
        probe = match is not None and match.view_name in PROBES and response.status_code == 200
        logger.log(
            logging.DEBUG if probe else logging.INFO,
            "request",
            extra={
                "method": request.method if request.method in METHODS else "other",
                "route": f"/{match.route}" if match is not None else None,
                "status": response.status_code,
                "duration_ms": round((time.perf_counter() - started) * 1000, 1),
                "user_id": _user_id(request),
            },
        )
        return response


def _user_id(request: HttpRequest) -> int | None:
    """Of who is signed in, if anybody asked: to find out here could take a query."""
    user: Any = getattr(request, "user", None)
    if isinstance(user, SimpleLazyObject):
        user = getattr(request, "_cached_user", None)
    return getattr(user, "pk", None)
