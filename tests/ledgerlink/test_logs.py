"""What a log line has, and what it never has."""

import json
import logging
import logging.config
import os
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured
from django.test import Client

from ledgerlink import logs
from ledgerlink.context import RequestContext, current_request, serving
from ledgerlink.redaction import REDACTED, Redactor
from tests.api.client import Api
from tests.concurrency import at_once, in_background
from users.models import User

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxN30.c2lnbmF0dXJl-_x"
HASH = "argon2$argon2id$v=19$m=19456,t=2,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNo"
API_KEY = "ll_ab23cd45_" + "Zx9-" * 10 + "Zx9"
SETTING = "Vq3n8pT0wZr5yKcL2sXh7bJd4mFg9aEu1iQoRt6vNxWe"


def formatter_of(as_json: bool) -> logging.Formatter:  # noqa: FBT001
    config = logs.logging_config(level="INFO", as_json=as_json, secrets=[SETTING, "", "abc"])
    made = dict(config["formatters"]["line"])
    formatter: logging.Formatter = made.pop("()")(**made)
    return formatter


def line_of(as_json: bool, message: str, *values: object, **options: Any) -> str:  # noqa: FBT001
    """What the handler on stderr writes."""
    extra = options.pop("extra", {})
    record = logging.getLogger("users.x").makeRecord(
        "users.x", logging.INFO, "x.py", 1, message, values, options.get("exc_info"), extra=extra
    )
    return formatter_of(as_json).format(record)


@pytest.mark.parametrize("as_json", [True, False])
@pytest.mark.parametrize(
    ("message", "secret"),
    [
        (f"refused {TOKEN}, expired", TOKEN),
        (f"Authorization: Bearer {TOKEN}", TOKEN),
        ("Authorization: Basic YWxpY2U6eA==", "YWxpY2U6eA"),
        (f"key {API_KEY} is revoked", API_KEY[12:]),
        (f"stored {HASH}", "aGFzaGhhc2"),
        ('body {"username": "alice", "password": "correct horse"}', "correct horse"),
        ("data {'otp': '493817', 'password': 'it\"s'}", "493817"),
        ("POST a=1&new_password=hunter2&b=2", "hunter2"),
        ('{"refresh": "x.y.z", "access_token": "abc.def"}', "abc.def"),
        ("Cookie: sessionid=k3jh4kjh; csrftoken=zzzz", "k3jh4kjh"),
        ("redis://:hunter2@cache:6379/0", "hunter2"),
        ("otpauth://totp/Ledger:alice?secret=ABCDEFGH", "ABCDEFGH"),
        (f"signed with {SETTING}", SETTING),
    ],
)
def test_secrets_are_taken_out(as_json: bool, message: str, secret: str) -> None:  # noqa: FBT001
    error = ValueError(message)
    failed = (ValueError, error, error.__traceback__)
    for line in (
        line_of(as_json, message),
        line_of(as_json, "%s", message),
        line_of(as_json, "it failed", exc_info=failed),
    ):
        assert secret not in line
        assert REDACTED in line
        if as_json:
            json.loads(line)


@pytest.mark.parametrize(
    "ordinary",
    [
        "POST /api/v1/auth/password 200",
        "the use of API key ll_ab23cd45 was not noted: OperationalError",
        "http://127.0.0.1:4318/v1/traces does not answer",
        "alice@example.com signed in, abc",
    ],
)
def test_ordinary_lines_stay_as_they_are(ordinary: str) -> None:
    assert Redactor([SETTING, "abc"])(None, "info", ordinary) == ordinary


@pytest.fixture
def request_context() -> Iterator[None]:
    token = current_request.set(RequestContext("req-1", "a" * 32, "192.0.2.7"))
    yield
    current_request.reset(token)


@pytest.mark.usefixtures("request_context")
def test_a_line_has_the_ids_of_its_request_and_no_foreign_extra() -> None:
    extra = {"status": 201, "request": "<WSGIRequest: GET '/?q=alice'>"}
    line = json.loads(line_of(True, "%d rows", 3, extra=extra))
    assert line.pop("timestamp").endswith("Z")
    assert line == {
        "event": "3 rows",
        "level": "info",
        "logger": "users.x",
        "request_id": "req-1",
        "trace_id": "a" * 32,
        "status": 201,
    }


def test_a_line_about_a_batch_has_the_ids_of_those_it_serves() -> None:
    requests = [RequestContext(f"req-{number}", f"{number:032x}") for number in range(30)]
    with serving([RequestContext(), *requests[:1]]):
        one = json.loads(line_of(True, "held up"))
    assert (one["request_id"], one["trace_id"]) == ("req-0", f"{0:032x}")
    with serving(requests):
        many = json.loads(line_of(True, "split"))
        with serving(requests[7:8]):
            inner = json.loads(line_of(True, "failed"))
    assert many["requests"] == 30
    assert many["request_ids"] == [f"req-{number}" for number in range(20)]
    assert many["trace_ids"] == [f"{number:032x}" for number in range(20)]
    assert (inner["request_id"], "request_ids" in inner) == ("req-7", False)
    with serving([RequestContext()]):
        command = json.loads(line_of(True, "posted"))
    assert not {"request_id", "trace_id", "requests", "request_ids"} & set(command)


def told(records: list[logging.LogRecord]) -> list[tuple[object, ...]]:
    """Level, method, route, status and user of each request."""
    names = ("levelname", "method", "route", "status", "user_id")
    requests = [record for record in records if record.name == "ledgerlink.request_log"]
    assert all(vars(record)["duration_ms"] > 0 for record in requests)
    return [tuple(vars(record)[name] for name in names) for record in requests]


def test_each_request_has_one_line(alice: User, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    as_alice = Api(alice)
    as_alice.get("/api/v1/users/me")
    as_alice.get("/api/v1/transactions/01a204c5-11bc-77df-ab65-030e8f2fd99f?reference=secret-7")
    Client().get("/nowhere/alice@example.com")
    Client().generic("BREW", "/api/v1/users/me")
    Client().get("/health")
    assert told(caplog.records) == [
        ("INFO", "GET", "/api/v1/users/me", 200, alice.pk),
        ("INFO", "GET", "/api/v1/transactions/<uuid:pk>", 404, alice.pk),
        ("INFO", "GET", None, 404, None),
        ("INFO", "other", "/api/v1/users/me", 401, None),
        ("DEBUG", "GET", "/health", 200, None),
    ]
    assert "secret-7" not in caplog.text
    assert "example.com" not in caplog.text


def test_who_is_signed_in_to_the_back_office_is_told(
    admin_client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    page = admin_client.get("/admin/")
    (line,) = told(caplog.records)
    assert line == ("INFO", "GET", "/admin/", 200, page.wsgi_request.user.pk)


def test_a_noisy_logger_is_heard_seldom() -> None:
    seldom = logs.Seldom(seconds=60)

    def passes(name: str) -> bool:
        return seldom.filter(logging.LogRecord(name, logging.ERROR, "", 0, "", (), None))

    assert [passes("a"), passes("a"), passes("b"), passes("b")] == [True, False, True, False]
    assert logs.Seldom(seconds=0).filter(logging.makeLogRecord({}))


def test_an_unknown_level_is_refused_by_name() -> None:
    assert logs.level_of("warning") == "WARNING"
    with pytest.raises(ImproperlyConfigured, match="LOG_LEVEL is 'verbose'"):
        logs.level_of("verbose")


def test_lines_of_many_threads_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """One of them is too long to be written at once, to a pipe that does not wait, and one is no
    text."""
    handler = logs.LineHandler()
    said = [f"{number} " * 200 for number in range(8)] + ["long " * 50_000, "\ud800"]
    reading, writing = os.pipe()
    monkeypatch.setattr(logs, "STDERR", writing)

    def say(message: str) -> None:
        handler.emit(logging.LogRecord("x", logging.INFO, "x.py", 1, message, (), None))

    os.set_blocking(writing, False)
    with in_background() as start, os.fdopen(reading, encoding="utf-8") as pipe:
        written = start(pipe.read)
        at_once([partial(say, message) for message in said[:8]])
        say(said[8])
        say(said[9])
        os.close(writing)
        lines = written.result().splitlines()
    assert sorted(lines[:8]) == said[:8]
    assert lines[8:] == [said[8], "\\ud800"]


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """In place of stderr: what is read from it was written there."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    monkeypatch.setattr(logs, "STDERR", writing)
    yield reading
    os.close(reading)
    os.close(writing)


def unmakable(value: str) -> logging.LogRecord:
    return logging.LogRecord("users.x", logging.INFO, "x.py", 7, "paid %d", (value,), None)


@pytest.mark.parametrize("as_json", [True, False])
def test_a_line_that_cannot_be_made_tells_where_and_no_values(as_json: bool, pipe: int) -> None:  # noqa: FBT001
    handler = logs.LineHandler()
    handler.setFormatter(formatter_of(as_json))
    handler.emit(unmakable("a private value"))
    line = os.read(pipe, 65_536).decode()
    assert "a line of x.py:7 could not be made: TypeError" in line
    assert "users.x" in line
    assert "private" not in line
    assert line.count("\n") == 1


def test_a_handler_never_raises(pipe: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither when no line at all can be made, nor when nobody reads it."""

    class Broken(logging.Formatter):
        def format(self, record: logging.LogRecord) -> str:
            raise RuntimeError

    handler = logs.LineHandler()
    handler.setFormatter(Broken())
    handler.emit(unmakable("a private value"))
    assert os.read(pipe, 65_536) == b"a line of x.py:7 could not be made: RuntimeError\n"
    monkeypatch.setattr(logs, "STDERR", 1_000_000)  # closed
    handler.emit(unmakable("a private value"))
