"""Bodies, content types, methods and paths that are refused before a field is looked at."""

import json
from typing import Any

import pytest

from tests.api.client import (
    API,
    CURRENT,
    DEPOSIT,
    HISTORY,
    TRANSACTIONS,
    TRANSFER,
    WITHDRAW,
    Api,
    assert_problem,
    books,
)
from tests.books import fund
from users.models import User

MONEY = (TRANSFER, DEPOSIT, WITHDRAW)


@pytest.fixture(autouse=True)
def funded(alice: User) -> None:
    fund(alice, "100.00")


def nested(depth: int) -> bytes:
    return b'{"amount":"1.00","metadata":' + b'{"a":' * depth + b"1" + b"}" * depth + b"}"


@pytest.mark.parametrize(
    "body",
    [
        b"{",
        b"}",
        b"nonsense",
        b'{"amount": }',
        b'{"amount": "1.00",}',
        b"{'amount': '1.00'}",
        b'{"amount": "1.00"} {"amount": "2.00"}',
        b'{"amount": "1.00", "amount": "2.00"}',
        b'{"amount": "1.00", "metadata": {"a": 1, "a": 2}}',
        b'{"amount": NaN}',
        b'{"amount": Infinity}',
        b'{"amount": -Infinity}',
        b'{"amount": "1.00", "metadata": {"n": NaN}}',
        b'{"amount": 01}',
        b'{"amount": +1}',
        b'{"amount": .5}',
        b'{"amount": "1.00", "description": "a\\u0000b"}',
        b'{"amount": "1.00", "description": "a\x00b"}',
        b'{"amount": "1.00", "metadata": {"a\\u0000": 1}}',
        b'{"amount": "1.00", "description": "\\ud83d"}',
        b'{"amount": "1.00", "metadata": {"\\udfff": 1}}',
        b'{"amount": "1.00", "description": "caf\xe9"}',
        b'{"amount": "1.00", "description": "\xed\xa0\xbd"}',
        '{"amount": "1.00"}'.encode("utf-16"),
        b"\xef\xbb\xbf" + b'{"amount": "1.00"}',
        b"\xff\xfe",
        nested(30),
        nested(5_000),
        b"[" * 200_000,
        b'{"a":' * 100_000,
    ],
    ids=lambda body: repr(body)[:50],
)
def test_broken_json_is_refused(body: bytes, as_alice: Api) -> None:
    before = books()
    for path in MONEY:
        assert_problem(as_alice.post(path, body, key="k"), 400, "invalid_json")
    assert books() == before


@pytest.mark.parametrize("body", [b"[]", b'["amount"]', b'"text"', b"17", b"1.5", b"null", b"true"])
def test_json_that_is_no_object_is_refused(body: bytes, as_alice: Api) -> None:
    before = books()
    for path in MONEY:
        problem = assert_problem(as_alice.post(path, body), 400, "invalid_request")
        assert list(problem["errors"]) == ["non_field_errors"]
        (error,) = problem["errors"]["non_field_errors"]
        assert error["detail"] == problem["detail"] == "Send a JSON object."
    assert books() == before


@pytest.mark.parametrize("body", [b"", b"{}"])
def test_empty_body_misses_its_fields(body: bytes, as_alice: Api) -> None:
    for path in MONEY:
        problem = assert_problem(as_alice.post(path, body), 400, "invalid_request")
        assert "amount" in problem["errors"]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/xml",
        "application/jsonp",
        "nonsense",
    ],
)
def test_another_content_type_is_refused(content_type: str, as_alice: Api) -> None:
    before = books()
    for path in MONEY:
        response = as_alice.post(path, b'{"amount":"1.00"}', content_type=content_type)
        assert_problem(response, 415, "unsupported_media_type")
    assert books() == before


def test_json_with_a_charset_is_taken(as_alice: Api) -> None:
    response = as_alice.post(
        DEPOSIT, {"amount": "1.00"}, content_type="application/json; charset=utf-8"
    )
    assert response.status_code == 201


def test_body_of_10_mb_is_refused_unread(as_alice: Api) -> None:
    before = books()
    body = json.dumps({"amount": "1.00", "description": "x" * 10_000_000}).encode()
    for path in MONEY:
        assert_problem(as_alice.post(path, body), 413, "body_too_large")
    assert books() == before


@pytest.mark.parametrize("path", ["auth/login", "auth/refresh", "auth/register", "users"])
def test_body_of_30_mb_is_refused_unread_without_a_token(path: str, anonymous: Api) -> None:
    body = b'{"username":"alice","password":"' + b"x" * 30_000_000 + b'"}'
    assert_problem(anonymous.post(f"{API}/{path}", body), 413, "body_too_large")


def test_body_in_chunks_needs_a_length(as_alice: Api) -> None:
    before = books()
    for path in MONEY:
        response = as_alice.post(path, {"amount": "1.00"}, HTTP_TRANSFER_ENCODING="chunked")
        assert_problem(response, 411, "length_required")
    assert books() == before


@pytest.mark.parametrize(
    ("paths", "methods", "allowed"),
    [
        (MONEY, ["GET", "PUT", "PATCH", "DELETE"], "POST, OPTIONS"),
        (
            (TRANSACTIONS, CURRENT, HISTORY),
            ["POST", "PUT", "PATCH", "DELETE"],
            "GET, HEAD, OPTIONS",
        ),
    ],
)
def test_another_method_is_refused(
    paths: tuple[str, ...], methods: list[str], allowed: str, as_alice: Api
) -> None:
    before = books()
    for path in paths:
        for method in methods:
            response = as_alice.send(method, path, {"amount": "1.00"})
            assert_problem(response, 405, "method_not_allowed")
            assert response["Allow"] == allowed
    assert books() == before


@pytest.mark.parametrize(
    "path",
    [
        f"{API}/nothing",
        f"{API}/transactions/",
        f"{API}/transactions/transfer/",
        f"{API}/balances",
        f"{API}//transactions",
        API,
        f"{API}/",
        "/api/v2/transactions",
        "/api",
        "/nothing",
        "/.env",
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_unknown_path_is_not_found(path: str, method: str, anonymous: Api) -> None:
    assert_problem(anonymous.send(method, path, {}), 404, "not_found")


def test_unknown_host_is_refused(settings: Any, as_alice: Api) -> None:
    settings.ALLOWED_HOSTS = ["pay.example.com"]
    response = as_alice.send("GET", CURRENT, HTTP_HOST="evil.example")
    assert_problem(response, 400, "invalid_request")


@pytest.mark.parametrize("path", [TRANSACTIONS, CURRENT, HISTORY])
def test_more_parameters_than_django_reads_are_refused(path: str, as_alice: Api) -> None:
    assert_problem(as_alice.send("GET", f"{path}?{'a&' * 1500}"), 400, "invalid_request")


@pytest.mark.parametrize("accept", ["application/json", "*/*", "text/html,*/*;q=0.8"])
def test_answer_is_json_whatever_a_browser_would_like(accept: str, as_alice: Api) -> None:
    response = as_alice.send("GET", CURRENT, headers={"Accept": accept})
    assert (response.status_code, response["Content-Type"]) == (200, "application/json")
