"""Who may see and change whom: every role, on its own account, a stranger's, and nobody's."""

from typing import Any

import pytest

from tests.api.client import API, Api, assert_problem, body_of
from tests.books import make_user
from users.models import User
from users.roles import Role

USERS = f"{API}/users"
NOBODY = 999_999
READERS = [Role.AUDITOR, Role.FINANCE, Role.ADMIN]
CHANGES: list[tuple[str, Any, int]] = [
    ("PUT", {"username": "renamed", "email": "renamed@example.com"}, 200),
    ("PATCH", {"username": "renamed"}, 200),
    ("DELETE", None, 204),
]

pytestmark = pytest.mark.django_db


def path_of(user: User) -> str:
    return f"{USERS}/{user.pk}"


@pytest.mark.parametrize("role", list(Role))
def test_list_is_for_those_who_read_users(role: Role) -> None:
    response = Api(make_user("alice", role)).get(USERS)
    if role in READERS:
        assert response.status_code == 200
    else:
        assert_problem(response, 403, "permission_denied")


@pytest.mark.parametrize("role", list(Role))
def test_own_account_can_be_read(role: Role) -> None:
    alice = make_user("alice", role)
    own = body_of(Api(alice).get(path_of(alice)))
    assert own["id"] == alice.pk
    assert own == body_of(Api(alice).get(f"{USERS}/me"))


@pytest.mark.parametrize("role", list(Role))
def test_account_of_another_can_be_read_by_staff(role: Role, bob: User) -> None:
    response = Api(make_user("alice", role)).get(path_of(bob))
    if role in READERS:
        assert body_of(response)["email"] == "bob@example.com"
    else:
        assert_problem(response, 404, "not_found")


@pytest.mark.parametrize(("method", "body", "done"), CHANGES)
@pytest.mark.parametrize("role", list(Role))
def test_own_account_can_be_changed(
    role: Role, method: str, body: Any, done: int, admin: User
) -> None:
    alice = make_user("alice", role)
    assert Api(alice).send(method, path_of(alice), body).status_code == done


@pytest.mark.parametrize(("method", "body", "done"), CHANGES)
@pytest.mark.parametrize("role", list(Role))
def test_account_of_another_can_be_changed_by_an_admin(
    role: Role, bob: User, method: str, body: Any, done: int
) -> None:
    before = User.objects.filter(pk=bob.pk).values().get()
    response = Api(make_user("alice", role)).send(method, path_of(bob), body)
    if role == Role.ADMIN:
        assert response.status_code == done
        return
    assert_problem(
        response, *((403, "permission_denied") if role in READERS else (404, "not_found"))
    )
    assert User.objects.filter(pk=bob.pk).values().get() == before


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("role", list(Role))
def test_nobody_can_not_be_told_from_a_stranger(role: Role, bob: User, method: str) -> None:
    api = Api(make_user("alice", role))
    nobody = assert_problem(api.send(method, f"{USERS}/{NOBODY}", {}), 404, "not_found")
    if role not in READERS:
        stranger = assert_problem(api.send(method, path_of(bob), {}), 404, "not_found")
        assert {**stranger, "request_id": ""} == {**nobody, "request_id": ""}


@pytest.mark.parametrize("role", list(Role))
def test_deleted_user_does_not_exist(role: Role, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False, deleted_at=bob.created_at)
    api = Api(make_user("alice", role))
    for method in ("GET", "PUT", "PATCH", "DELETE"):
        assert_problem(api.send(method, path_of(bob), {}), 404, "not_found")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_nothing_without_a_token(method: str, bob: User) -> None:
    assert_problem(Api().send(method, path_of(bob), {}), 401, "not_authenticated")
    assert_problem(Api().get(USERS), 401, "not_authenticated")
    assert_problem(Api().get(f"{USERS}/me"), 401, "not_authenticated")


@pytest.mark.parametrize("number", ["0", "abc", "-1", "1.5", "9" * 30, "me/x"])
def test_what_is_no_id_is_not_found(number: str, admin: User) -> None:
    assert_problem(Api(admin).get(f"{USERS}/{number}"), 404, "not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_wrong_method_is_refused(method: str, alice: User) -> None:
    path = path_of(alice) if method == "POST" else f"{USERS}/me"
    assert_problem(Api(alice).send(method, path, {}), 405, "method_not_allowed")
