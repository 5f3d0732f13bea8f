"""Talking to the API through Django's test client, and what every answer owes its reader."""

import json
import re
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db.models import F
from django.http import HttpResponse
from django.test import Client
from rest_framework_simplejwt.tokens import AccessToken

from audit.models import AuditLog
from balances.models import Balance, BalanceHistory
from transactions.models import IdempotencyKey, Transaction
from users.actors import Actor
from users.api_keys import create_api_key
from users.models import User

API = "/api/v1"
TRANSFER = f"{API}/transactions/transfer"
DEPOSIT = f"{API}/transactions/deposit"
WITHDRAW = f"{API}/transactions/withdraw"
TRANSACTIONS = f"{API}/transactions"
CURRENT = f"{API}/balances/current"
HISTORY = f"{API}/balances/history"
STATEMENT = f"{API}/balances/statement"

PROBLEM = "application/problem+json"
# What a reader must never learn of how it is made.
INTERNALS = re.compile(
    r"traceback|\bselect\b|\binsert\b|\bupdate \w+ set|sqlite|mysql|mariadb|django"
    r"|balances_balance|transactions_transaction|users_user|\.py\b",
    re.IGNORECASE,
)


class Api:
    """One caller. Bodies are Python objects, or bytes that are sent as they are."""

    def __init__(self, user: User | None = None) -> None:
        self._client: Any = Client()  # its answers are HttpResponses with more
        self.headers: dict[str, str] = {}
        if user is not None:
            self.headers["Authorization"] = f"Bearer {token_of(user)}"

    def get(self, path: str, **query: Any) -> HttpResponse:
        """`from_` stands for the parameter `from`."""
        named = {name.rstrip("_"): value for name, value in query.items()}
        response: HttpResponse = self._client.get(path, named, headers=self.headers)
        return response

    def post(self, path: str, body: Any = None, **options: Any) -> HttpResponse:
        return self.send("POST", path, body, **options)

    def send(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = None,
        content_type: str = "application/json",
        headers: dict[str, str] | None = None,
        **environ: str,
    ) -> HttpResponse:
        """`key` is the Idempotency-Key; `environ` are WSGI variables."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        sent = {**self.headers, **(headers or {})}
        if key is not None:
            sent["Idempotency-Key"] = key
        response: HttpResponse = self._client.generic(
            method, path, data, content_type=content_type, headers=sent, **environ
        )
        return response


def with_key(user: User, scopes: Iterable[str]) -> Api:
    """A backend that shows an API key of the user."""
    made = create_api_key(user_id=user.pk, name="test", scopes=scopes, by=Actor.system("tests"))
    api = Api()
    api.headers["Authorization"] = f"Api-Key {made.text}"
    return api


def token_of(user: User) -> str:
    return str(AccessToken.for_user(user))


def body_of(response: HttpResponse) -> Any:
    return json.loads(response.content)


def wire_time(moment: datetime) -> str:
    """As RFC 3339 writes it; formatted here without the code under test."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def wire_party(user: User) -> dict[str, Any]:
    return {"id": user.pk, "username": user.username}


def wire_balance(balance: Balance, amount: str, version: int, **changed: Any) -> dict[str, Any]:
    return {
        "currency": balance.currency,
        "amount": amount,
        "held": changed.get("held", "0.00"),
        "available": amount,
        "version": version,
        "status": "active",
        "updated_at": wire_time(balance.updated_at),
    } | changed


def change_balance(owner: User, **fields: Any) -> None:
    """As the back-office would: with the next version, which the database insists on."""
    Balance.objects.filter(user=owner).update(version=F("version") + 1, **fields)


def assert_problem(response: HttpResponse, status: int, code: str, **extra: Any) -> dict[str, Any]:
    """A problem document with every member it must have, and `extra` ones; returns it."""
    assert response.status_code == status, response.content[:500]
    assert response["Content-Type"] == PROBLEM
    problem: dict[str, Any] = body_of(response)
    assert problem["type"] == f"urn:ledger-link:problem:{code}"
    assert problem["code"] == code
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["request_id"] == response["X-Request-ID"]
    assert INTERNALS.search(response.content.decode()) is None
    for name, value in extra.items():
        assert problem[name] == value
    return problem


def books() -> list[Any]:
    """Everything that a request could have stored; equal before and after one that stored
    nothing."""
    return [
        list(Balance.objects.order_by("pk").values_list("pk", "amount", "held", "version")),
        *(
            model.objects.count()
            for model in (BalanceHistory, Transaction, IdempotencyKey, AuditLog)
        ),
    ]
