from typing import Any

import pytest
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from audit.models import AuditLog
from tests.api.client import API, Api, assert_problem, body_of
from tests.books import PASSWORD, make_user
from users.models import User

LOGIN = f"{API}/auth/login"

pytestmark = pytest.mark.django_db


def deactivated(username: str) -> User:
    return make_user(username, is_active=False)


def test_login_answers_tokens_and_the_user(alice: User) -> None:
    response = Api().post(LOGIN, {"username": "alice", "password": PASSWORD})
    body = body_of(response)
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert body.keys() == {"access", "refresh", "token_type", "expires_in", "user"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    api = Api()
    api.headers["Authorization"] = f"Bearer {body['access']}"
    assert body_of(api.get(f"{API}/users/me")) == body["user"]
    assert body["user"]["id"] == alice.pk


@pytest.mark.parametrize(
    "name",
    [{"username": "ALICE"}, {"username": " alice "}, {"email": "Alice@Example.com"}],
)
def test_login_by_name_or_email_in_any_case(alice: User, name: dict[str, str]) -> None:
    assert Api().post(LOGIN, {**name, "password": PASSWORD}).status_code == 200


def test_login_keeps_no_refresh_token(alice: User) -> None:
    refresh = body_of(Api().post(LOGIN, {"username": "alice", "password": PASSWORD}))["refresh"]
    kept = OutstandingToken.objects.get()
    assert (kept.user, kept.token) == (alice, "")
    assert kept.jti not in refresh


def test_login_is_audited(alice: User) -> None:
    Api().post(LOGIN, {"username": "alice", "password": PASSWORD})
    row = AuditLog.objects.get()
    assert (row.action, row.actor_id, row.entity_id) == (
        "user.logged_in",
        str(alice.pk),
        str(alice.pk),
    )
    assert PASSWORD not in str(row.details)


def test_login_ignores_an_expired_access_token(alice: User) -> None:
    api = Api()
    api.headers["Authorization"] = "Bearer a.b.c"
    assert api.post(LOGIN, {"username": "alice", "password": PASSWORD}).status_code == 200


def test_refused_logins_can_not_be_told_apart(alice: User) -> None:
    deactivated("bob")
    make_user("charlie", is_active=False, deleted_at=alice.created_at)
    asked = [
        ("alice", "wrong"),
        ("nobody", PASSWORD),
        ("bob", PASSWORD),
        ("charlie", PASSWORD),
        ("alice@example.com", "wrong"),
        ("alicé", PASSWORD),
        ("ali\x01ce", PASSWORD),
    ]
    answers = []
    for name, password in asked:
        response = Api().post(LOGIN, {"username": name, "password": password})
        problem = assert_problem(response, 401, "invalid_credentials")
        assert response["WWW-Authenticate"] == 'Bearer realm="api"'
        answers.append({**problem, "request_id": ""})
    assert answers == [answers[0]] * len(asked)
    assert not OutstandingToken.objects.exists()


def test_refused_login_is_audited(alice: User) -> None:
    Api().post(LOGIN, {"username": "alice", "password": "wrong"})
    row = AuditLog.objects.get()
    assert (row.action, row.actor_name) == ("user.login_failed", "anonymous")
    assert row.details == {"identifier": "alice"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"password": "x"}, "username"),
        ({"username": "alice", "email": "alice@example.com", "password": "x"}, "username"),
        ({"username": "alice"}, "password"),
        ({"username": "alice", "password": ""}, "password"),
        ({"username": "alice", "password": "x" * 129}, "password"),
        ({"username": "alice", "password": 5}, "password"),
        ({"username": "alice", "password": ["x"]}, "password"),
        ({"username": None, "password": "x"}, "username"),
        ({"username": "x" * 255, "password": "x"}, "username"),
        ({"username": "alice", "password": "x", "otp": 492039}, "otp"),
        ({"username": "alice", "password": "x", "otp": ""}, "otp"),
        ({"username": "alice", "password": "x", "otp": "1" * 65}, "otp"),
        ({"username": "alice", "password": "x", "code": "1"}, "code"),
    ],
)
def test_bad_body_is_refused(alice: User, body: dict[str, Any], field: str) -> None:
    problem = assert_problem(Api().post(LOGIN, body), 400, "invalid_request")
    assert list(problem["errors"]) == [field]


@pytest.mark.parametrize("password", ["😀" * 32, "ä" * 128, "\u202e", " ", "\x7f", "%s' OR 1=1"])
def test_odd_password_is_only_wrong(alice: User, password: str) -> None:
    response = Api().post(LOGIN, {"username": "alice", "password": password})
    assert_problem(response, 401, "invalid_credentials")


@pytest.mark.parametrize("text", [b'{"username": "alice", "password": "\\ud800"}', b"{", b"[]"])
def test_body_that_can_not_be_read_is_refused(alice: User, text: bytes) -> None:
    assert Api().post(LOGIN, text).status_code == 400


def test_body_of_thirty_megabytes_is_refused_unread() -> None:
    assert_problem(Api().post(LOGIN, b"x" * 30_000_000), 413, "body_too_large")
