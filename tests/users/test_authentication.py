"""What a request has to show, and what it costs."""

import base64
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import jwt
import pytest
from django.conf import settings as configured
from django.db import connection
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken

from tests.api.client import API, Api, assert_problem, body_of, token_of
from tests.books import PASSWORD, make_user
from users.identity import current_user, forget
from users.models import User
from users.roles import Role
from users.tokens import issue

ME = f"{API}/users/me"
CURRENT = f"{API}/balances/current"

pytestmark = pytest.mark.django_db


def get_me(authorization: str) -> Any:
    api = Api()
    api.headers["Authorization"] = authorization
    return api.get(ME)


def claims_of(user: User, **changed: Any) -> dict[str, Any]:
    return {**AccessToken.for_user(user).payload, "iss": "ledgerlink", **changed}


def signed(claims: dict[str, Any], key: str = "", algorithm: str = "HS256") -> str:
    return jwt.encode(claims, key or configured.SIMPLE_JWT["SIGNING_KEY"], algorithm=algorithm)


def unsigned(claims: dict[str, Any], algorithm: str) -> str:
    parts = [{"alg": algorithm, "typ": "JWT"}, claims]
    encoded = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode() for part in parts]
    return ".".join([*(part.rstrip("=") for part in encoded), ""])


@pytest.mark.parametrize("authorization", ["", "Basic YWxpY2U6eA==", "Token x"])
def test_request_without_a_token_is_challenged(authorization: str) -> None:
    response = get_me(authorization)
    assert_problem(response, 401, "not_authenticated")
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


@pytest.mark.parametrize(
    "token", ["x", "a.b.c", "a b", "..", "\xff\xfe", "W1tb" * 1000 + ".e30.x", "e30.e30.e30"]
)
def test_garbage_is_no_token(token: str) -> None:
    response = get_me(f"Bearer {token}")
    assert_problem(response, 401, "invalid_token")
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'


def test_tokens_that_were_not_issued_here_are_refused(alice: User) -> None:
    good = claims_of(alice)
    assert get_me(f"Bearer {signed(good)}").status_code == 200
    past = timezone.now() - timedelta(seconds=1)
    stranger = "another-key-of-the-same-length-as-the-true-one-0123456789"
    bad = {
        "another key": signed(good, stranger),
        "algorithm none": unsigned(good, "none"),
        "algorithm None": unsigned(good, "None"),
        "another algorithm": signed(good, algorithm="HS512"),
        "expired": signed({**good, "exp": int(past.timestamp())}),
        "another issuer": signed({**good, "iss": "elsewhere"}),
        "without expiry": signed({name: good[name] for name in good if name != "exp"}),
        "without user": signed({name: good[name] for name in good if name != "user_id"}),
        "user that is no number": signed({**good, "user_id": "alice"}),
        "user that does not exist": signed({**good, "user_id": "999999"}),
        "without password": signed({**good, "hash_password": ""}),
        "a refresh token": issue(alice).refresh,
    }
    for kind, token in bad.items():
        response = get_me(f"Bearer {token}")
        assert response.status_code == 401, kind
        assert_problem(response, 401, "invalid_token")


def test_role_is_never_taken_from_the_token(alice: User) -> None:
    api = Api()
    api.headers["Authorization"] = f"Bearer {signed(claims_of(alice, role='admin'))}"
    assert_problem(api.get(f"{API}/users"), 403, "permission_denied")


def test_remembered_identity_costs_no_query(alice: User, django_assert_num_queries: Any) -> None:
    api = Api(alice)
    api.get(CURRENT)
    with django_assert_num_queries(0):  # it is refused once it is known who asks
        assert api.get(f"{CURRENT}?unknown=1").status_code == 400


def test_change_that_overtakes_a_read_is_not_lost(alice: User) -> None:
    """Another thread commits a change, and forgets the user, while this one is still reading."""

    def overtaken(execute: Any, *args: Any) -> Any:
        answer = execute(*args)
        forget(alice.pk)
        return answer

    with connection.execute_wrapper(overtaken):
        assert current_user(alice.pk) == alice
    User.objects.filter(pk=alice.pk).update(is_active=False)
    changed = current_user(alice.pk)
    assert changed is not None
    assert not changed.is_active


@pytest.mark.django_db(transaction=True)
def test_change_of_role_counts_at_once_in_this_process() -> None:
    alice = make_user("alice", Role.AUDITOR)
    api, admin = Api(alice), Api(make_user("admin", Role.ADMIN))
    assert api.get(f"{API}/users").status_code == 200
    assert admin.send("PATCH", f"{API}/users/{alice.pk}", {"role": "user"}).status_code == 200
    assert_problem(api.get(f"{API}/users"), 403, "permission_denied")


@pytest.mark.django_db(transaction=True)
def test_deactivation_counts_at_once_in_this_process() -> None:
    alice = make_user("alice")
    api, admin = Api(alice), Api(make_user("admin", Role.ADMIN))
    refresh = issue(alice).refresh
    assert api.get(ME).status_code == 200
    assert admin.send("PATCH", f"{API}/users/{alice.pk}", {"is_active": False}).status_code == 200
    assert_problem(api.get(ME), 401, "invalid_token")
    assert admin.send("PATCH", f"{API}/users/{alice.pk}", {"is_active": True}).status_code == 200
    assert api.get(ME).status_code == 200
    response = Api().post(f"{API}/auth/refresh", {"refresh": refresh})
    assert_problem(response, 401, "invalid_token")


def test_change_elsewhere_counts_when_the_memory_ends(alice: User, settings: Any) -> None:
    settings.IDENTITY_CACHE_SECONDS = 0
    api = Api(alice)
    assert api.get(ME).status_code == 200
    User.objects.filter(pk=alice.pk).update(is_active=False)  # as another process would
    assert_problem(api.get(ME), 401, "invalid_token")


@pytest.fixture
def database_gone(transactional_db: None) -> Iterator[None]:
    """The connection leads to a file that can't be opened, or a port where nobody listens."""
    right = dict(connection.settings_dict)
    connection.close()
    connection.settings_dict.update(NAME="/nowhere/at/all", HOST="127.0.0.1", PORT="1")
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict.update(right)


@pytest.mark.django_db(transaction=True)
def test_database_gone_is_503_and_no_logout(request: pytest.FixtureRequest) -> None:
    alice = make_user("alice")
    token, refresh = token_of(alice), issue(alice).refresh
    request.getfixturevalue("database_gone")
    login = {"username": "alice", "password": PASSWORD}
    for response in (
        get_me(f"Bearer {token}"),
        Api().post(f"{API}/auth/login", login),
        Api().post(f"{API}/auth/refresh", {"refresh": refresh}),
        Api().post(f"{API}/auth/logout", {"refresh": refresh}),
    ):
        assert_problem(response, 503, "service_unavailable")
        assert response["Retry-After"] == "2"


def test_me_is_never_remembered(alice: User) -> None:
    api = Api(alice)
    api.get(ME)
    User.objects.filter(pk=alice.pk).update(email="new@example.com")  # as another process would
    assert body_of(api.get(ME))["email"] == "new@example.com"
