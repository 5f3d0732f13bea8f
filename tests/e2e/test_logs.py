"""The log of a production server at its most talkative: JSON throughout, and no secret in it."""

import json
import os
import signal
from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests import leaks
from tests.concurrency import eventually
from tests.e2e.test_production import GOOD
from tests.e2e.world import PASSWORD, client, manage, register
from tests.servers import LedgerServer

STAFF = "boss@example.com"

# Prints what only the staff member's phone and drawer know.
_MAKE_STAFF = f"""
import json
from django_otp.oath import TOTP
from users.actors import Actor
from users.accounts import create_user
from users.enrolment import enrol, new_key, proposed
from users.models import User
from users.roles import Role
boss = User.objects.create_user("boss", "{STAFF}", "{PASSWORD}", role=Role.ADMIN)
key = new_key()
_, codes = enrol(user=boss, key=key, code=f"{{TOTP(proposed(boss, key).bin_key).token():06d}}")
print(json.dumps([key, *codes]))
"""


@pytest.fixture(scope="module")
def server(env: Mapping[str, str]) -> Iterator[LedgerServer]:
    with LedgerServer({**env, **GOOD, "LOG_LEVEL": "DEBUG"}) as running:
        yield running


def lines_of(server: LedgerServer) -> list[dict[str, Any]]:
    """Each is JSON: gunicorn's as well."""
    return [json.loads(line) for line in server.output().splitlines()]


def test_every_line_is_json_with_the_ids_of_its_request(server: LedgerServer) -> None:
    alice, bob = register(server, "100.00"), register(server)
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    headers = {"X-Request-ID": "order-17", "traceparent": f"00-{trace}-00f067aa0ba902b7-01"}
    body = {"to_user_id": bob.id, "amount": "1.00"}
    answer = alice.http.post("transactions/transfer", json=body, headers=headers)
    assert (answer.headers["X-Request-ID"], answer.headers["X-Trace-ID"]) == ("order-17", trace)
    (line,) = [line for line in lines_of(server) if line.get("request_id") == "order-17"]
    assert line.pop("timestamp")
    assert 0 < line.pop("duration_ms") < 20_000
    assert line == {
        "event": "request",
        "level": "info",
        "logger": "ledgerlink.request_log",
        "method": "POST",
        "route": "/api/v1/transactions/transfer",
        "status": 201,
        "user_id": alice.id,
        "request_id": "order-17",
        "trace_id": trace,
    }
    assert {"gunicorn.error"} <= {line["logger"] for line in lines_of(server)}


def test_nothing_that_is_sent_makes_a_line_of_its_own(server: LedgerServer) -> None:
    """Nor a field of one: every line is JSON, and what was sent is only ever inside a text."""
    forged = '\r\n{"event": "forged", "level": "critical"}\n", "event": "forged", "x": "'
    alice, bob = register(server, "10.00"), register(server)
    alice.transfer(bob, "1.00", description=forged, reference=forged)
    for path in (f"transactions/{quote(forged)}", quote(forged), f"balances?x={quote(forged)}"):
        alice.http.get(path)
    alice.http.post("auth/login", json={"username": forged, "password": "wrong-horse-8"})
    alice.http.post("auth/login", content=forged, headers={"Content-Type": "application/json"})
    lines = lines_of(server)
    assert {line["level"] for line in lines} <= {"debug", "info", "warning"}
    assert "forged" not in {line["event"] for line in lines}


def test_no_secret_is_printed(server: LedgerServer, env: Mapping[str, str]) -> None:
    made = manage({**env, **GOOD}, "shell", "--no-imports", "-c", _MAKE_STAFF)
    assert made.returncode == 0, made.stderr
    otp_key, *codes = json.loads(made.stdout)
    leaks.know(otp_key, *codes, "wrong-horse-8", "another-horse-9", "918273")
    statuses = dict(send_secrets(server, codes))
    assert statuses == {
        "a wrong password": 401,
        "a recovery code": 200,
        "a wrong code": 401,
        "broken JSON": 400,
        "a key is made": 201,
        "a key is used": 200,
        "a key is wrong": 401,
        "a refresh": 200,
        "a refresh again": 401,
        "another password": 204,
        "a password in the query": 404,
    }
    server_output = server.output()
    assert leaks.in_text(server_output) == []
    assert "request" in server_output


def send_secrets(server: LedgerServer, codes: list[str]) -> Iterator[tuple[str, int]]:
    """Whatever a secret can be in, with the answer's status."""
    http = client(server.url)
    login = {"email": STAFF, "password": PASSWORD}
    yield (
        "a wrong password",
        http.post("auth/login", json={**login, "password": "wrong-horse-8"}).status_code,
    )
    signed_in = http.post("auth/login", json={**login, "otp": codes[0]})
    yield "a recovery code", signed_in.status_code
    tokens = signed_in.json()
    leaks.know(tokens["access"], tokens["refresh"])
    yield "a wrong code", http.post("auth/login", json={**login, "otp": "918273"}).status_code
    broken = f'{{"email": "{STAFF}", "password": "{PASSWORD}"'
    as_json = {"Content-Type": "application/json"}
    answer = http.post("auth/login", content=broken, headers=as_json)
    yield "broken JSON", answer.status_code
    boss = client(server.url, tokens["access"])
    wanted = {"user_id": tokens["user"]["id"], "name": "shop", "scopes": ["read"]}
    key = boss.post("api-keys", json=wanted)
    yield "a key is made", key.status_code
    yield "a key is used", with_key(server, key.json()["key"]).status_code
    yield "a key is wrong", with_key(server, key.json()["key"][:-1] + "_").status_code
    refresh = {"refresh": tokens["refresh"]}
    renewed = http.post("auth/refresh", json=refresh)
    yield "a refresh", renewed.status_code
    yield "a refresh again", http.post("auth/refresh", json=refresh).status_code
    change = {"current_password": PASSWORD, "new_password": "another-horse-9"}
    yield "another password", boss.post("auth/password", json=change).status_code
    yield "a password in the query", http.get(f"nowhere?password={PASSWORD}").status_code


def with_key(server: LedgerServer, key: str) -> httpx.Response:
    headers = {"Authorization": f"Api-Key {key}"}
    return httpx.get(f"{server.url}/api/v1/users/me", headers=headers, trust_env=False)


def test_gunicorn_speaks_json_to_the_end(env: Mapping[str, str]) -> None:
    with LedgerServer({**env, **GOOD}) as server:
        os.kill(server.pid, signal.SIGTERM)
        eventually(lambda: not server.is_running())
        lines = lines_of(server)
    assert {line["logger"] for line in lines} >= {"gunicorn.error"}
    assert any("Shutting down" in line["event"] for line in lines)


def test_a_leak_is_found() -> None:
    """The reader of what servers print reads."""
    leaks.know("tell-nobody")
    token = "eyJhbGciOiJIUzI1NiJ9.eyJ1c2VyX2lkIjoxN30.c2ln"
    for text in (token, "ll_ab23cd45_" + "x" * 43, "argon2$argon2id$v=19$", "say tell-nobody"):
        assert len(leaks.in_text(f"one line\n2026 [info] {text} told\nanother")) == 1
