"""Security over HTTP: forged tokens, more rights than given, injection, headers of every page."""

import base64
import hashlib
import hmac
import json
import re
import secrets
import time
import uuid
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import httpx
import jwt
import pytest
from django.conf import settings

from tests.e2e.test_production import GOOD
from tests.e2e.world import client, manage, register
from tests.faults.test_connections import connected, request
from tests.servers import LedgerServer

PAGES = ("/admin/", "/admin/login/", "/api/docs", "/api/docs?script=", "/api/redoc", "/api/schema")
ANSWERS = ("/health", "/api/v1/balances/current", "/nowhere", "/static/ledgerlink/admin.css")


def part(value: dict[str, Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def forged(token: str) -> dict[str, str]:
    """Tokens that were not issued here, each made of a good one."""
    head, claims, signature = token.split(".")
    padded = json.loads(base64.urlsafe_b64decode(claims + "=="))
    other = padded | {"user_id": "1", "role": "admin"}
    signed = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(other)}"
    guessed = hmac.new(b"secret", signed.encode(), hashlib.sha256).digest()
    ours = settings.JWT_SECRET  # which the server was started with
    return {
        "another user": f"{head}.{part(other)}.{signature}",
        "no signature": f"{head}.{claims}.",
        "two parts": f"{head}.{claims}",
        "algorithm none": f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(other)}.",
        "another algorithm": f"{part({'alg': 'HS512', 'typ': 'JWT'})}.{claims}.{signature}",
        "public key": f"{part({'alg': 'RS256', 'typ': 'JWT'})}.{claims}.{signature}",
        "guessed key": f"{signed}.{base64.urlsafe_b64encode(guessed).rstrip(b'=').decode()}",
        "key of their own": f"{part({'alg': 'HS256', 'jwk': {'k': 'x'}})}.{claims}.{signature}",
        "key in a file": f"{part({'alg': 'HS256', 'kid': '/dev/null'})}.{claims}.{signature}",
        "expired": jwt.encode(padded | {"exp": int(time.time()) - 1}, ours),
        "of somebody else's issuer": jwt.encode(padded | {"iss": "elsewhere"}, ours),
        "our key, another algorithm": jwt.encode(padded, ours, algorithm="HS384"),
    }


def test_forged_tokens_open_nothing(server: LedgerServer) -> None:
    alice = register(server)
    claims = jwt.decode(alice.token, options={"verify_signature": False})
    with client(server.url, jwt.encode(claims, settings.JWT_SECRET)) as http:
        assert http.get("balances/current").status_code == 200  # so the key below is the server's
    for kind, token in forged(alice.token).items():
        with client(server.url, token) as http:
            answer = http.get("balances/current")
        assert answer.status_code == 401, kind
        assert "WWW-Authenticate" in answer.headers, kind


def test_role_is_not_given_by_a_body(server: LedgerServer) -> None:
    alice = register(server)
    asked = {"role": "admin", "is_staff": True, "is_superuser": True, "groups": [1]}
    alice.http.patch(f"users/{alice.id}", json=asked)
    name = f"boss-{uuid.uuid4().hex[:8]}"
    body = {"username": name, "email": f"{name}@example.com", "password": "correct-horse-7"}
    with client(server.url) as http:
        made = http.post("auth/register", json={**body, **asked}).json()
    for token, number in ((alice.token, alice.id), (made.get("access"), None)):
        with client(server.url, token) as http:
            if number is None and token is None:
                continue  # it was refused
            assert http.get("users/me").json()["role"] == "user"
            assert http.get("audit").status_code == 403
            assert http.get("users").status_code == 403


def test_stranger_walks_into_nothing_of_others(server: LedgerServer) -> None:
    alice, bob, mallory = register(server, "10.00"), register(server), register(server, "10.00")
    paid = alice.transfer(bob, "1.00").json()["id"]
    held = alice.transfer(bob, "1.00", pending=True).json()["id"]
    for path in (f"transactions/{paid}", f"users/{alice.id}"):
        assert mallory.http.get(path).status_code == 404, path
    for path in ("balances/current", "balances/history", "balances/statement", "transactions"):
        answer = mallory.http.get(path, params={"user_id": alice.id})
        assert answer.status_code in (400, 403, 404) or str(paid) not in answer.text, path
    for path, body in (
        (f"transactions/{held}/capture", {}),
        (f"transactions/{held}/cancel", {}),
        (f"transactions/{paid}/reverse", {"reason": "mine"}),
    ):
        assert mallory.post(path, body).status_code == 404, path
    taken = {"from_user_id": alice.id, "to_user_id": mallory.id, "amount": "1.00"}
    assert mallory.post("transactions/transfer", taken).status_code == 403
    taken = {"user_id": alice.id, "amount": "1.00"}
    assert mallory.post("transactions/withdraw", taken).status_code == 403
    assert (alice.amount(), mallory.amount()) == ("9.00", "10.00")


INJECTED = "x\r\nSet-Cookie: stolen=1\r\n\r\nevent=forged level=critical"


def test_nothing_is_injected_into_headers_or_logs(server: LedgerServer) -> None:
    alice, bob = register(server, "10.00"), register(server)
    answers = [
        alice.transfer(bob, "1.00", description=INJECTED, reference=INJECTED),
        alice.http.get("transactions", params={"reference": INJECTED, "cursor": INJECTED}),
        alice.http.get(f"transactions/{quote(INJECTED)}"),
        alice.http.get("balances/statement", params={"format": INJECTED, "from": INJECTED}),
        alice.http.post("auth/login", json={"username": INJECTED, "password": INJECTED}),
        httpx.get(f"{server.url}/admin/login/", params={"next": INJECTED}),
        httpx.get(f"{server.url}/{quote(INJECTED)}"),
    ]
    for answer in answers:
        assert answer.status_code < 500
        assert "stolen" not in str(answer.headers.get_list("set-cookie"))
    assert not re.search(r"^\s*(Set-Cookie|event=forged)", server.output(), re.MULTILINE)


@pytest.mark.parametrize(
    "name", ["X-Request-ID", "traceparent", "Idempotency-Key", "X-Forwarded-For"]
)
@pytest.mark.parametrize("value", [b"a\rb", b"a\x00b", b"a\x1b[31mb", b"\xff" * 9, b"a" * 9000])
def test_odd_headers_are_not_given_back(name: str, value: bytes, server: LedgerServer) -> None:
    with connected(server) as connection:
        body = request("auth/login", b"{}", "Content-Length: 2", f"{name}: @@", "Connection: close")
        connection.sendall(body.replace(b"@@", value))
        received = b"".join(iter(lambda: connection.recv(65536), b""))
    assert received[9:10] == b"4"
    assert value not in received
    assert value.decode("latin-1") not in server.output()


@pytest.mark.parametrize("path", [*PAGES, *ANSWERS])
def test_every_page_and_answer_tells_the_browser_what_it_may_do(
    path: str, server: LedgerServer
) -> None:
    answer = httpx.get(f"{server.url}{path}", follow_redirects=True)
    policy = answer.headers["Content-Security-Policy"]
    assert "frame-ancestors 'none'" in policy
    assert "default-src 'self'" in policy or "default-src 'none'" in policy
    scripts = re.search(r"script-src ([^;]*)", policy)
    assert "unsafe-inline" not in (scripts[1] if scripts else "")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    if answer.headers["Content-Type"].startswith("text/html"):
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert answer.headers["Referrer-Policy"] == "same-origin"
        inline = re.findall(r"<script(?![^>]*(?:src=|application/json))[^>]*>", answer.text)
        assert inline == []
        assert re.findall(r"<[^>]+\son[a-z]+=", answer.text) == []


def test_production_passes_djangos_own_deployment_check(env: Mapping[str, str]) -> None:
    long = secrets.token_urlsafe(48)  # as the documents say to make one
    strict = {**env, **GOOD, "SECRET_KEY": long, "SECURE_SSL_REDIRECT": "true"}
    checked = manage(strict, "check", "--deploy", "--tag", "security", "--fail-level", "WARNING")
    assert checked.returncode == 0, checked.stdout + checked.stderr
