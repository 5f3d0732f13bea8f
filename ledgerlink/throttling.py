"""Where the rate limits meet requests: each to the API is counted once, sign-ins to the
back-office too, and every answer tells what is left."""

from collections.abc import Callable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from ledgerlink import rate_limits
from ledgerlink.rate_limits import Caller, RateLimited, Usage, refuse_excess


@dataclass(slots=True)
class Counted:
    """What was counted for the request being served; `known` is to be remembered if it signs
    somebody in."""

    done: bool = False
    usages: list[Usage] = field(default_factory=list)
    known: str = ""

    def add(self, usage: Usage | None) -> None:
        """Raises RateLimited."""
        if usage is not None:
            self.usages.append(usage)
        refuse_excess(usage)

    def headers(self) -> dict[str, str]:
        """Of the limit that is nearest."""
        if not self.usages:
            return {}
        nearest = min(self.usages, key=lambda usage: usage.remaining)
        retry = {"Retry-After": str(nearest.reset)} if self.refused else {}
        return {
            "RateLimit-Limit": str(nearest.limit),
            "RateLimit-Remaining": str(max(nearest.remaining, 0)),
            "RateLimit-Reset": str(nearest.reset),
            **retry,
        }

    @property
    def refused(self) -> bool:
        return any(usage.remaining < 0 for usage in self.usages)


current_count: ContextVar[Counted | None] = ContextVar("current_count", default=None)


class RateLimitMiddleware:
    """Tells in the headers what is left, whatever the answer."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        counted = Counted()
        token = current_count.set(counted)
        try:
            response = self.get_response(request)
        finally:
            current_count.reset(token)
        for name, value in counted.headers().items():
            response[name] = value
        if counted.refused:
            response.status_code = RateLimited.status  # forms answer 200 with their errors
        elif counted.known and response.status_code == 200:
            rate_limits.remember(counted.known)
        return response


class RateLimit(BaseThrottle):
    """DRF asks it for each view, once it knows the caller and before the view runs."""

    def allow_request(self, request: Request, view: Any) -> bool:
        """Raises RateLimited."""
        if settings.RATELIMIT_ENABLE:
            _count(request)
            if _limit(request) == "login" and not request.user.is_authenticated:
                counted = current_count.get() or Counted()
                counted.known = _count_account(request, _identifier(request.data), counted)
        return True


def refusal_of(request: Request | None, error: Exception) -> Exception:
    """`error`, or the refusal of a request that was not counted before it: nobody may try tokens
    and keys for ever."""
    if request is not None and settings.RATELIMIT_ENABLE:
        try:
            _count(request)
        except RateLimited as refusal:
            return refusal
    return error


def _count(request: Request) -> None:
    """Count a request unless it was. Raises RateLimited."""
    counted = current_count.get() or Counted()
    if counted.done:
        return
    counted.done = True
    counted.add(rate_limits.count(request, _limit(request), _caller(request)))


def count_login(request: HttpRequest, identifier: str) -> str:
    """Count a sign-in outside of the API; what to `remember` when it succeeds. Raises
    RateLimited."""
    counted = current_count.get() or Counted()
    caller = Caller(rate_limits.address_of(request))
    counted.add(rate_limits.count(request, "login", caller))
    return _count_account(request, identifier, counted)


def _count_account(request: HttpRequest, identifier: str, counted: Counted) -> str:
    if not identifier:
        return ""
    address = rate_limits.address_of(request)
    usage, known = rate_limits.count_account(request, identifier, address)
    counted.add(usage)
    return known


def _limit(request: Request) -> str:
    match = request.resolver_match
    return rate_limits.limit_of(request.method or "", (match and match.url_name) or "")


def _caller(request: Request) -> Caller:
    address = rate_limits.address_of(request)
    # Not `request.user`, which would sign in again where that has just failed.
    user = getattr(request, "_user", None)
    if user is None or not user.is_authenticated:
        return Caller(address)
    return Caller(address, user.pk, user.role)


def _identifier(body: Any) -> str:
    """The name under which a login asks, as `username` or `email`."""
    given = body if isinstance(body, Mapping) else {}
    names = [given.get(name) for name in ("username", "email")]
    return next((name for name in names if isinstance(name, str)), "")
