"""The layers around every request: who it is in the logs, what it may not be, and what a browser
may do with the answer."""

import re
from collections.abc import Callable

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from ledgerlink import problems
from ledgerlink.client_address import client_address
from ledgerlink.context import RequestContext, current_request, new_id

REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
TRACEPARENT = re.compile(r"00-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")

GetResponse = Callable[[HttpRequest], HttpResponse]


class RequestContextMiddleware:
    """Gives each request an id (the caller's own X-Request-ID when it is a plain one) and a trace
    id (of its W3C traceparent), and sends both back."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        given = request.META.get("HTTP_X_REQUEST_ID", "")
        parent = TRACEPARENT.fullmatch(request.META.get("HTTP_TRACEPARENT", ""))
        context = RequestContext(
            request_id=given if REQUEST_ID.fullmatch(given) else new_id(16),
            trace_id=parent[1] if parent else new_id(16),
            ip=client_address(request),
        )
        token = current_request.set(context)
        try:
            response = self.get_response(request)
            context = current_request.get()  # tracing may have given it another trace
        finally:
            current_request.reset(token)
        response["X-Request-ID"] = context.request_id
        response["X-Trace-ID"] = context.trace_id
        return response


class ProblemMiddleware:
    """Refuses bodies that are too large before a byte of them is parsed, and answers whatever the
    views did not with a problem document instead of an empty page."""

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.refuse_body(request) or self.explain(self.get_response(request))

    @staticmethod
    def explain(response: HttpResponse) -> HttpResponse:
        """Django refuses a method with an empty page."""
        if response.status_code != 405 or response["Content-Type"] == problems.CONTENT_TYPE:
            return response
        detail = f"Use {response['Allow']} here."
        explained = problems.response(405, "method_not_allowed", detail)
        explained["Allow"] = response["Allow"]
        return explained

    @staticmethod
    def refuse_body(request: HttpRequest) -> HttpResponse | None:
        if request.META.get("HTTP_TRANSFER_ENCODING"):
            return problems.response(
                411, "length_required", "Send the body with a Content-Length, not in chunks."
            )
        try:
            length = int(request.META.get("CONTENT_LENGTH") or 0)
        except ValueError:
            return problems.response(400, "invalid_request", "Content-Length is not a number.")
        if length > settings.MAX_BODY_BYTES:
            return problems.response(
                413,
                "body_too_large",
                f"The body has {length} bytes; the limit is {settings.MAX_BODY_BYTES}.",
            )
        return None


class ContentSecurityPolicyMiddleware:
    """Lets a page load nothing from elsewhere and run no script that stands in it, and lets nobody
    frame it; what is no page may do nothing."""

    DATA = "default-src 'none'; frame-ancestors 'none'"
    # Styles that stand in a page are those of the makers of the back-office and of the API's pages.
    PAGE = (
        "default-src 'self'; object-src 'none'; base-uri 'self'; form-action 'self'; "
        "frame-ancestors 'none'; img-src 'self' data:; style-src 'self' 'unsafe-inline'"
    )
    # Alpine, on which the back-office's theme is built, compiles what attributes say.
    ADMIN = f"{PAGE}; script-src 'self' 'unsafe-eval'"
    REDOC = f"{PAGE}; worker-src 'self' blob:"

    def __init__(self, get_response: GetResponse) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", self._policy(request, response))
        return response

    def _policy(self, request: HttpRequest, response: HttpResponse) -> str:
        if not response.get("Content-Type", "").startswith("text/html"):
            return self.DATA
        if request.path.startswith("/admin/"):
            return self.ADMIN
        return self.REDOC if request.path == "/api/redoc" else self.PAGE
