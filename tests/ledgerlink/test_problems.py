"""Every exception becomes a problem document that helps the caller and tells no secrets."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, SuspiciousOperation
from django.db import IntegrityError, InterfaceError, OperationalError
from django.http import Http404
from django.test import RequestFactory
from rest_framework import exceptions

from ledgerlink import problems
from ledgerlink.context import RequestContext, current_request
from ledgerlink.errors import LedgerError, NotFound, Unavailable

ERRORS: list[tuple[Exception, int, str]] = [
    (LedgerError("No."), 422, "error"),
    (NotFound(), 404, "not_found"),
    (Unavailable(retry_after=7), 503, "service_unavailable"),
    (OperationalError(2006, "gone"), 503, "service_unavailable"),
    (OperationalError(2003, "can't connect"), 503, "service_unavailable"),
    (OperationalError(1213, "deadlock"), 503, "service_unavailable"),
    (OperationalError("database is locked"), 503, "service_unavailable"),
    (OperationalError(1054, "Unknown column in balances_balance"), 500, "internal_error"),
    (OperationalError(1644, "entry_never_changed: append-only"), 500, "internal_error"),
    (OperationalError("no such column: balances_balance.x"), 500, "internal_error"),
    (InterfaceError("closed"), 503, "service_unavailable"),
    (Http404("no row in balances_balance"), 404, "not_found"),
    (exceptions.NotFound(), 404, "not_found"),
    (PermissionDenied("secret reason"), 403, "permission_denied"),
    (exceptions.PermissionDenied(), 403, "permission_denied"),
    (SuspiciousOperation("x"), 400, "invalid_request"),
    (exceptions.ParseError("The body is not valid JSON."), 400, "invalid_json"),
    (exceptions.NotAuthenticated(), 401, "not_authenticated"),
    (exceptions.AuthenticationFailed(), 401, "invalid_token"),
    (exceptions.MethodNotAllowed("PATCH"), 405, "method_not_allowed"),
    (exceptions.UnsupportedMediaType("text/csv"), 415, "unsupported_media_type"),
    (exceptions.ValidationError({"amount": ["Wrong."]}), 400, "invalid_request"),
    (IntegrityError("UNIQUE constraint failed: users_user.email_key"), 500, "internal_error"),
    (RuntimeError("password=hunter2"), 500, "internal_error"),
    (ZeroDivisionError(), 500, "internal_error"),
]


@pytest.fixture(autouse=True)
def request_context() -> Iterator[None]:
    token = current_request.set(RequestContext(request_id="req-1"))
    yield
    current_request.reset(token)


@pytest.mark.parametrize(("error", "status", "code"), ERRORS, ids=lambda part: type(part).__name__)
def test_error_is_explained(
    error: Exception, status: int, code: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = problems.exception_handler(error, {})
    body: dict[str, Any] = answer.data
    assert (answer.status_code, body["status"], body["code"]) == (status, status, code)
    assert answer.content_type == "application/problem+json"
    assert body["type"].endswith(f":{code}")
    assert body["title"]
    assert body["detail"]
    assert body["request_id"] == "req-1"
    assert ("WWW-Authenticate" in answer.headers) == (status == 401)
    assert ("Retry-After" in answer.headers) == (status == 503)
    text = json.dumps(body)
    for secret in ("hunter2", "secret reason", "users_user", "balances_", "UNIQUE", "Traceback"):
        assert secret not in text
    logged = [record for record in caplog.records if record.levelno >= logging.ERROR]
    assert bool(logged) == (status == 500 or isinstance(error, (OperationalError, InterfaceError)))


def test_refusal_carries_what_it_knows() -> None:
    error = LedgerError("It has version 3.", current_version=3)
    body = problems.of_ledger_error(error, transaction_id="t")
    assert (body["current_version"], body["transaction_id"]) == (3, "t")
    assert problems.of_ledger_error(error, request_id="first")["request_id"] == "first"


def test_retry_after_is_the_errors_own() -> None:
    answer = problems.exception_handler(Unavailable(retry_after=7), {})
    assert answer.headers["Retry-After"] == "7"


def test_validation_names_every_field_however_deep() -> None:
    detail: Any = {
        "amount": [exceptions.ErrorDetail("Too small.", code="min_value")],
        "lines": [{}, {"text": [exceptions.ErrorDetail("Empty.", code="blank")]}],
    }
    answer = problems.exception_handler(exceptions.ValidationError(detail), {})
    body: dict[str, Any] = answer.data
    assert body["detail"] == "Check these fields: amount, lines."
    assert body["errors"]["amount"] == [{"code": "min_value", "detail": "Too small."}]
    assert body["errors"]["lines"] == [{}, {"text": [{"code": "blank", "detail": "Empty."}]}]


def test_what_is_wrong_with_the_whole_is_said_in_words() -> None:
    whole = [exceptions.ErrorDetail("The period ends before it begins.", code="invalid")]
    of_field = [exceptions.ErrorDetail("Too small.", code="min_value")]
    said = {
        "": "The period ends before it begins.",
        "amount": "Check these fields: amount. The period ends before it begins.",
    }
    for field, detail in said.items():
        errors: Any = {"non_field_errors": whole, **({field: of_field} if field else {})}
        answer: Any = problems.exception_handler(exceptions.ValidationError(errors), {})
        assert answer.data["detail"] == detail


@pytest.mark.parametrize(
    ("view", "status"),
    [
        (problems.bad_request, 400),
        (problems.permission_denied, 403),
        (problems.page_not_found, 404),
    ],
)
def test_djangos_own_errors_are_problems_too(view: Any, status: int) -> None:
    answer = view(RequestFactory().get("/"), exception=Exception("secret"))
    assert (answer.status_code, answer["Content-Type"]) == (status, "application/problem+json")
    assert json.loads(answer.content)["status"] == status
    assert b"secret" not in answer.content


@pytest.mark.parametrize(
    ("error", "status"), [(OperationalError(2006, "gone"), 503), (OperationalError(1054, "?"), 500)]
)
@pytest.mark.parametrize("path", ["/admin/", "/"])
def test_page_without_a_database_says_so(error: Exception, status: int, path: str) -> None:
    try:
        raise error
    except OperationalError:
        answer = problems.server_error(RequestFactory().get(path))
    assert answer.status_code == status
    assert ("Retry-After" in answer.headers) == (status == 503)
    assert (b"The database can" in answer.content) == (status == 503)
    assert answer["Content-Type"].startswith("text/html" if path == "/admin/" else "application/")


def test_server_error_is_a_problem_too() -> None:
    answer = problems.server_error(RequestFactory().get("/"))
    assert json.loads(answer.content)["code"] == "internal_error"
