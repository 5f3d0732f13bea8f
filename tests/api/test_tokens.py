"""Tokens that are missing, expired, forged or no longer good, on every endpoint about money."""

from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings as django_settings
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken

from tests.api.client import (
    CURRENT,
    DEPOSIT,
    HISTORY,
    TRANSACTIONS,
    TRANSFER,
    WITHDRAW,
    Api,
    assert_problem,
    books,
    token_of,
)
from tests.books import fund
from users.identity import forget_all
from users.models import User
from users.roles import Role

ENDPOINTS = [
    ("POST", TRANSFER),
    ("POST", DEPOSIT),
    ("POST", WITHDRAW),
    ("GET", TRANSACTIONS),
    ("GET", f"{TRANSACTIONS}/01a204ce-ba80-7741-a30a-7f4fbb042252"),
    ("GET", CURRENT),
    ("GET", HISTORY),
]


@pytest.fixture(autouse=True)
def funded(alice: User) -> None:
    fund(alice, "100.00")


def assert_refused_everywhere(authorization: str | None, code: str) -> None:
    api = Api()
    if authorization is not None:
        api.headers["Authorization"] = authorization
    before = books()
    for method, path in ENDPOINTS:
        response = api.send(method, path, {"amount": "1.00"}, key="k")
        assert_problem(response, 401, code)
        assert response["WWW-Authenticate"].startswith("Bearer")
    assert books() == before


def claims_of(user: User) -> dict[str, Any]:
    claims: dict[str, Any] = jwt.decode(token_of(user), options={"verify_signature": False})
    return claims


def signed(payload: dict[str, Any], key: str = django_settings.JWT_SECRET, **options: Any) -> str:
    return f"Bearer {jwt.encode(payload, key, **{'algorithm': 'HS256', **options})}"


@pytest.mark.parametrize("authorization", [None, "", "Basic YWxpY2U6cHc=", "Token abc"])
def test_request_without_a_bearer_token_is_refused(authorization: str | None) -> None:
    assert_refused_everywhere(authorization, "not_authenticated")


@pytest.mark.parametrize(
    "authorization",
    ["Bearer", "Bearer a b", "Bearer x", "Bearer a.b.c", "Bearer \xe9", "Bearer ..", "Bearer null"],
)
def test_request_with_nonsense_for_a_token_is_refused(authorization: str) -> None:
    assert_refused_everywhere(authorization, "invalid_token")


def test_expired_token_is_refused(alice: User) -> None:
    token = AccessToken.for_user(alice)
    token.set_exp(lifetime=-timedelta(seconds=1))
    assert_refused_everywhere(f"Bearer {token}", "invalid_token")


def test_forged_tokens_are_refused(alice: User) -> None:
    payload = claims_of(alice)
    head, body, signature = token_of(alice).split(".")
    forged = [
        signed(payload, key="another-key-of-sufficient-length-1234567890"),
        signed(payload, key="", algorithm="none"),
        signed(payload, algorithm="HS512", key=django_settings.JWT_SECRET * 2),
        f"Bearer {head}.{body}.",
        f"Bearer {head}.{body}.{signature[::-1]}",
        f"Bearer {head}.{body[:-2]}xx.{signature}",
    ]
    for authorization in forged:
        assert_refused_everywhere(authorization, "invalid_token")


@pytest.mark.parametrize(
    "changed",
    [
        {"iss": "somebody-else"},
        {"iss": None},
        {"token_type": "refresh"},
        {"token_type": None},
        {"exp": None},
        {"user_id": None},
        {"user_id": "999999999"},
        {"user_id": "alice"},
        {"user_id": "1 OR 1=1"},
        {"user_id": "9" * 400},
        {"user_id": -1},
        {"user_id": [1]},
        {"hash_password": None},
        {"hash_password": "0" * 32},
    ],
    ids=lambda changed: repr(changed)[:40],
)
def test_token_with_another_claim_is_refused(changed: dict[str, Any], alice: User) -> None:
    payload = {**claims_of(alice), **changed}
    kept = {name: value for name, value in payload.items() if value is not None}
    assert_refused_everywhere(signed(kept), "invalid_token")


def test_the_claims_are_those_a_token_has(alice: User, as_alice: Api) -> None:
    """Guards the table above: a token signed by hand from the same claims is taken."""
    payload = claims_of(alice)
    assert set(payload) >= {"iss", "token_type", "exp", "user_id", "hash_password"}
    as_alice.headers["Authorization"] = signed(payload)
    assert as_alice.get(CURRENT).status_code == 200


def test_refresh_token_is_no_access_token(alice: User) -> None:
    assert_refused_everywhere(f"Bearer {RefreshToken.for_user(alice)}", "invalid_token")


def test_token_of_a_deactivated_user_is_refused(alice: User) -> None:
    token = token_of(alice)
    alice.is_active = False
    alice.save()
    assert_refused_everywhere(f"Bearer {token}", "invalid_token")


def test_token_of_a_deleted_user_is_refused(alice: User) -> None:
    token = token_of(alice)
    alice.is_active, alice.deleted_at = False, timezone.now()
    alice.save()
    assert_refused_everywhere(f"Bearer {token}", "invalid_token")


def test_token_from_before_a_password_change_is_refused(alice: User) -> None:
    token = token_of(alice)
    alice.set_password("another-horse-9")
    alice.save()
    assert_refused_everywhere(f"Bearer {token}", "invalid_token")


def test_deactivated_user_moves_nothing_though_still_remembered(
    alice: User, bob: User, as_alice: Api
) -> None:
    assert as_alice.get(CURRENT).status_code == 200  # remembered for five seconds
    fund(bob, "1.00")
    User.objects.filter(pk=alice.pk).update(is_active=False)
    before = books()
    response = as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": "1.00"})
    assert_problem(response, 403, "user_inactive")
    assert books() == before


def test_role_in_a_token_is_not_believed(alice: User, bob: User, as_alice: Api) -> None:
    token = AccessToken.for_user(alice)
    token.payload |= {"role": "admin", "is_superuser": True, "is_staff": True}
    as_alice.headers["Authorization"] = f"Bearer {token}"
    assert_problem(as_alice.get(CURRENT, user_id=bob.pk), 403, "permission_denied")
    body = {"user_id": bob.pk, "amount": "1.00"}
    assert_problem(as_alice.post(DEPOSIT, body), 403, "permission_denied")


def test_role_that_was_taken_away_is_gone_from_old_tokens(
    alice: User, finance: User, as_finance: Api
) -> None:
    assert as_finance.get(CURRENT, user_id=alice.pk).status_code == 200
    finance.role = Role.USER
    finance.save()
    forget_all()  # what the commit does, or five seconds
    assert_problem(as_finance.get(CURRENT, user_id=alice.pk), 403, "permission_denied")
