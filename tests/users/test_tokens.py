"""Refresh, logout and the change of password: what ends which token."""

from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken
from rest_framework_simplejwt.utils import get_md5_hash_password

from audit.models import AuditLog
from tests.api.client import API, Api, assert_problem, body_of
from tests.books import PASSWORD, make_user
from tests.concurrency import at_once
from users.models import User
from users.tokens import issue

REFRESH = f"{API}/auth/refresh"
LOGOUT = f"{API}/auth/logout"
CHANGE = f"{API}/auth/password"
ME = f"{API}/users/me"
NEW = "green-Whale-78"

pytestmark = pytest.mark.django_db


def refresh(token: str) -> Any:
    return Api().post(REFRESH, {"refresh": token})


def assert_ended(token: str) -> None:
    problem = assert_problem(refresh(token), 401, "invalid_token")
    assert "used" in problem["title"]


def with_access(token: str) -> Api:
    api = Api()
    api.headers["Authorization"] = f"Bearer {token}"
    return api


def change_password(user: User, **changed: str) -> Any:
    return Api(user).post(CHANGE, {"current_password": PASSWORD, "new_password": NEW} | changed)


def test_refresh_gives_new_tokens_and_ends_the_old_one(alice: User) -> None:
    first = issue(alice)
    response = refresh(first.refresh)
    body = body_of(response)
    assert response.status_code == 200
    assert response["Cache-Control"] == "no-store"
    assert body.keys() == {"access", "refresh", "token_type", "expires_in"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    assert with_access(body["access"]).get(ME).status_code == 200
    assert_ended(first.refresh)
    assert refresh(body["refresh"]).status_code == 200


def test_refresh_of_one_session_leaves_the_others(alice: User) -> None:
    first, second = issue(alice), issue(alice)
    refresh(first.refresh)
    assert refresh(second.refresh).status_code == 200


def test_refresh_ignores_an_expired_access_token(alice: User) -> None:
    response = with_access("a.b.c").post(REFRESH, {"refresh": issue(alice).refresh})
    assert response.status_code == 200


def test_refresh_refuses_what_is_no_refresh_token(alice: User) -> None:
    never_issued = RefreshToken()
    never_issued["user_id"] = str(alice.pk)
    never_issued["hash_password"] = get_md5_hash_password(alice.password)
    for token in ("x", "a.b.c", "é.é.é", issue(alice).access, str(never_issued)):
        assert_ended(token)


def test_refresh_refuses_json_nested_without_end() -> None:
    assert_ended("W1tb" * 1000 + ".e30.x")


def test_refresh_refuses_an_expired_token(alice: User) -> None:
    token = RefreshToken.for_user(alice)
    token.set_exp(from_time=timezone.now() - timedelta(days=8))
    assert_ended(str(token))


def test_refresh_refuses_a_deactivated_user(alice: User) -> None:
    token = issue(alice).refresh
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert_ended(token)


@pytest.mark.parametrize(
    "body", [{}, {"refresh": ""}, {"refresh": 5}, {"refresh": "x" * 4097}, {"token": "x"}, []]
)
@pytest.mark.parametrize("path", [REFRESH, LOGOUT])
def test_bad_body_is_refused(path: str, body: Any) -> None:
    assert_problem(Api().post(path, body), 400, "invalid_request")


@pytest.mark.django_db(transaction=True)
def test_one_token_used_at_once_gives_one_pair() -> None:
    alice = make_user("alice")
    for _ in range(5):
        token = issue(alice).refresh
        responses: list[Any] = at_once([partial(refresh, token)] * 3)
        assert sorted(response.status_code for response in responses) == [200, 401, 401]


def test_logout_ends_the_refresh_token_once_and_again(alice: User) -> None:
    token, other = issue(alice).refresh, issue(alice).refresh
    assert Api().post(LOGOUT, {"refresh": token}).status_code == 204
    assert_ended(token)
    assert Api(alice).post(LOGOUT, {"refresh": token}).status_code == 204
    assert [row.action for row in AuditLog.objects.all()] == ["user.logged_out"]
    assert refresh(other).status_code == 200


def test_logout_of_an_expired_token_has_nothing_to_do(alice: User) -> None:
    token = RefreshToken.for_user(alice)
    token.set_exp(from_time=timezone.now() - timedelta(days=8))
    assert Api().post(LOGOUT, {"refresh": str(token)}).status_code == 204


def test_logout_refuses_a_forged_token(alice: User) -> None:
    head, payload, _ = issue(alice).refresh.split(".")
    for token in (f"{head}.{payload}.forged", "x", str(AccessToken.for_user(alice))):
        assert_problem(Api().post(LOGOUT, {"refresh": token}), 401, "invalid_token")


def test_change_of_password_ends_every_refresh_token(alice: User, bob: User) -> None:
    tokens = [issue(alice).refresh, issue(alice).refresh]
    others = issue(bob).refresh
    assert change_password(alice).status_code == 204
    for token in tokens:
        assert_ended(token)
        assert Api().post(LOGOUT, {"refresh": token}).status_code == 204
    assert refresh(others).status_code == 200
    login = f"{API}/auth/login"
    assert Api().post(login, {"username": "alice", "password": NEW}).status_code == 200
    assert Api().post(login, {"username": "alice", "password": PASSWORD}).status_code == 401


@pytest.mark.django_db(transaction=True)
def test_change_of_password_ends_access_tokens_at_once() -> None:
    alice = make_user("alice")
    api = Api(alice)
    assert api.get(ME).status_code == 200
    assert change_password(alice).status_code == 204
    assert_problem(api.get(ME), 401, "invalid_token")


def test_change_of_password_is_audited_without_secrets(alice: User) -> None:
    change_password(alice)
    row = AuditLog.objects.get()
    assert (row.action, row.actor_id) == ("user.password_changed", str(alice.pk))
    assert row.details == {"username": "alice"}


@pytest.mark.parametrize(
    ("changed", "field", "code"),
    [
        ({"current_password": "wrong"}, "current_password", "incorrect_password"),
        ({"current_password": "x" * 129}, "current_password", "max_length"),
        ({"new_password": "short-1"}, "new_password", "password_too_short"),
        ({"new_password": "alice@example.com"}, "new_password", "password_too_similar"),
        ({"new_password": "x" * 129}, "new_password", "max_length"),
        ({"hint": "x"}, "hint", "unknown_field"),
    ],
)
def test_refused_change_of_password_leaves_everything(
    alice: User, changed: dict[str, str], field: str, code: str
) -> None:
    token = issue(alice).refresh
    problem = assert_problem(change_password(alice, **changed), 400, "invalid_request")
    assert [error["code"] for error in problem["errors"][field]] == [code]
    assert User.objects.get().password == alice.password
    assert refresh(token).status_code == 200


def test_change_of_password_needs_a_signed_in_user() -> None:
    body = {"current_password": PASSWORD, "new_password": NEW}
    assert_problem(Api().post(CHANGE, body), 401, "not_authenticated")


@pytest.mark.django_db(transaction=True)
def test_two_changes_of_password_at_once_do_not_both_succeed() -> None:
    alice = make_user("alice")
    passwords = [NEW, "other-Whale-79"]
    responses: list[Any] = at_once(
        [partial(change_password, alice, new_password=new) for new in passwords]
    )
    statuses = [response.status_code for response in responses]
    assert sorted(statuses) in ([204, 400], [204, 401])  # 401: its access token had ended
    assert User.objects.get().check_password(passwords[statuses.index(204)])
