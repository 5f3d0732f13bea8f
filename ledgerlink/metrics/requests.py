"""Counts and times each request once, by the name of its route."""

import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django_prometheus.conf import PROMETHEUS_LATENCY_BUCKETS
from django_prometheus.middleware import Metrics
from prometheus_client import Counter, Gauge, Histogram

from ledgerlink.metrics.recording import unfailing

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
OTHER_METHOD = "<other>"
NO_VIEW = "<unnamed view>"  # django-prometheus' word: no route has this path


class RequestMetrics(Metrics):  # type: ignore[misc]  # django-prometheus ships no types
    """Of django-prometheus' metrics, those that a dashboard or an alert asks for."""

    def register(self) -> None:
        labels = ["status", "view", "method"]
        self.responses = self.register_metric(
            Counter,
            "django_http_responses_total_by_status_view_method",
            "Count of responses by status, view, method.",
            labels,
        )
        self.latency = self.register_metric(
            Histogram,
            "django_http_requests_latency_seconds_by_view_method",
            "Time from the first middleware to the answer.",
            labels[1:],
            buckets=PROMETHEUS_LATENCY_BUCKETS,
        )
        self.in_progress = self.register_metric(
            Gauge,
            "ledger_http_requests_in_progress",
            "Requests that are being answered.",
            multiprocess_mode="livesum",
        )


class RequestMetricsMiddleware:
    """Outside of all other middlewares: it sees the status that is sent, whoever answered."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.metrics = RequestMetrics.get_instance()
        # A name that is not in its dictionary costs prometheus_client more than the counting.
        self.responses_of = lru_cache(maxsize=4096)(self.metrics.responses.labels)
        self.latency_of = lru_cache(maxsize=4096)(self.metrics.latency.labels)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        started = time.perf_counter()
        self.begun()
        try:
            response = self.get_response(request)
            self.answered(request, response, time.perf_counter() - started)
        finally:
            self.ended()
        return response

    @unfailing
    def begun(self) -> None:
        self.metrics.in_progress.inc()

    @unfailing
    def ended(self) -> None:
        self.metrics.in_progress.dec()

    @unfailing
    def answered(self, request: HttpRequest, response: HttpResponse, seconds: float) -> None:
        view, method = _view(request), _method(request, response)
        self.responses_of(str(response.status_code), view, method).inc()
        self.latency_of(view, method).observe(seconds)


def _view(request: HttpRequest) -> str:
    match: Any = getattr(request, "resolver_match", None)
    return (match and match.view_name) or NO_VIEW


def _method(request: HttpRequest, response: HttpResponse) -> str:
    """Methods that nobody serves are one: a client may invent as many as it likes."""
    if response.status_code == 405 or request.method not in METHODS:
        return OTHER_METHOD
    return request.method or OTHER_METHOD
