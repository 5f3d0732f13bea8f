"""RFC 9457 problem documents: the one place where an error becomes an HTTP answer."""

import json
import logging
import sys
from http import HTTPStatus
from typing import Any

from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import set_rollback

from ledgerlink.context import current_request
from ledgerlink.database_errors import is_collision, is_full, is_lost
from ledgerlink.errors import LedgerError, TryAgainLater, Unavailable
from ledgerlink.throttling import refusal_of

logger = logging.getLogger(__name__)

CONTENT_TYPE = "application/problem+json"
COMPACT = (",", ":")  # JSON separators, as DRF writes it
CHALLENGE = 'Bearer realm="api"'

NO_FIELD = "non_field_errors"

Errors = dict[str, Any]

# As RFC 9110 names them, and Python from 3.13 on.
_PHRASES = {413: "Content Too Large", 422: "Unprocessable Content"}


def phrase_of(status: int) -> str:
    return _PHRASES.get(status) or HTTPStatus(status).phrase


def document(
    status: int, code: str, detail: str, *, title: str = "", **extra: Any
) -> dict[str, Any]:
    """The body of a problem answer; `extra` members stand beside the standard ones."""
    return {
        "type": f"urn:ledger-link:problem:{code}",
        "title": title or phrase_of(status),
        "status": status,
        "detail": detail,
        "code": code,
        "request_id": current_request.get().request_id,
        **extra,
    }


def response(status: int, code: str, detail: str, **extra: Any) -> HttpResponse:
    """A problem answer for code that runs outside of a DRF view."""
    body = json.dumps(document(status, code, detail, **extra), separators=COMPACT)
    return HttpResponse(body, status=status, content_type=CONTENT_TYPE)


def of_ledger_error(error: LedgerError, **extra: Any) -> dict[str, Any]:
    """The document of a refusal; `extra` may also name the request it answers."""
    return document(
        error.status, error.code, error.detail, title=error.title, **error.extra, **extra
    )


def exception_handler(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: every exception of an API view ends here."""
    set_rollback()
    error = refusal_of(context.get("request"), error)
    headers: dict[str, str] = {}
    error = _outage(error) or error
    if isinstance(error, LedgerError):
        body = of_ledger_error(error)
        if isinstance(error, TryAgainLater):
            headers["Retry-After"] = str(error.retry_after)
        if error.status == 401:
            headers["WWW-Authenticate"] = CHALLENGE
    else:
        body, headers = _of_framework_error(error)
    return Response(body, status=body["status"], headers=headers, content_type=CONTENT_TYPE)


def _outage(error: BaseException | None) -> Unavailable | None:
    """That the database can't serve just now; None for what is wrong with the question."""
    if error is None or not (is_lost(error) or is_collision(error) or is_full(error)):
        return None
    logger.error("database unavailable: %s", error)
    if is_collision(error):
        return Unavailable("Others are changing the same just now. Try again.", retry_after=1)
    if is_full(error):
        return Unavailable("The database has no room for more. Nothing was moved.", retry_after=60)
    return Unavailable("The database can't be reached. Try again.", retry_after=2)


# What Django and DRF raise: status, code, and a sentence where theirs would not do.
_FRAMEWORK_ERRORS: tuple[tuple[tuple[type[Exception], ...], int, str, str], ...] = (
    ((Http404, exceptions.NotFound), 404, "not_found", "There is nothing here."),
    (
        (PermissionDenied, exceptions.PermissionDenied),
        403,
        "permission_denied",
        "You may not do this.",
    ),
    ((SuspiciousOperation,), 400, "invalid_request", "The request can't be understood."),
    ((exceptions.ParseError,), 400, "invalid_json", ""),
    ((exceptions.AuthenticationFailed,), 401, "invalid_token", ""),
    ((exceptions.NotAuthenticated,), 401, "not_authenticated", ""),
)


def _of_framework_error(error: Exception) -> tuple[dict[str, Any], dict[str, str]]:
    if isinstance(error, exceptions.ValidationError):
        errors = field_errors(error.detail)
        return document(400, "invalid_request", summary(errors), errors=errors), {}
    for kinds, status, code, detail in _FRAMEWORK_ERRORS:
        if isinstance(error, kinds):
            challenge = {"WWW-Authenticate": getattr(error, "auth_header", CHALLENGE)}
            headers = challenge if status == 401 else {}
            return document(status, code, detail or _sentence(error)), headers
    if isinstance(error, exceptions.APIException):
        return document(error.status_code, str(error.default_code), _sentence(error)), {}
    logger.error("unhandled error in an API view", exc_info=error)
    return document(500, "internal_error", "Something went wrong on our side."), {}


def field_errors(detail: Any) -> Errors:
    """DRF's validation detail as {field: [{code, detail}]}, nested for nested fields."""
    if isinstance(detail, dict):
        return {str(name): _leaf(inner) for name, inner in detail.items()}
    return {NO_FIELD: _leaf(detail)}


def _leaf(detail: Any) -> Any:
    if isinstance(detail, dict):
        return field_errors(detail)
    if isinstance(detail, list):
        return [_leaf(inner) for inner in detail]
    return {"code": getattr(detail, "code", "invalid"), "detail": str(detail)}


def summary(errors: Errors) -> str:
    """Which fields to look at, and what is wrong with the whole, as sentences."""
    fields = sorted(errors.keys() - {NO_FIELD})
    said = [f"Check these fields: {', '.join(fields)}."] if fields else []
    said += [error["detail"] for error in errors.get(NO_FIELD, []) if "code" in error]
    return " ".join(said) or "The request is not valid."


def _sentence(error: Exception) -> str:
    detail: Any = getattr(error, "detail", "")
    if isinstance(detail, dict):
        detail = detail.get("detail", "The request was refused.")
    return str(detail)


# --- What Django answers by itself: the handlers of ledgerlink.urls ---


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 400, "invalid_request", "The request can't be understood.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403, "permission_denied", "You may not do this.")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 404, "not_found", "There is nothing here.")


def server_error(request: HttpRequest) -> HttpResponse:
    """Django calls it while it handles the exception that a view, or a middleware, raised."""
    outage = _outage(sys.exception())
    if outage is None:
        return _page(request, 500, "internal_error", "Something went wrong on our side.")
    page = _page(request, outage.status, outage.code, outage.detail)
    page["Retry-After"] = str(outage.retry_after)
    return page


def _page(request: HttpRequest, status: int, code: str, detail: str) -> HttpResponse:
    """A page for people in the back-office, a problem document for everybody else."""
    if not request.path.startswith("/admin/"):
        return response(status, code, detail)
    shown = document(status, code, detail)
    return HttpResponse(render_to_string("admin/problem.html", shown), status=status)
