import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, connections
from django.db.transaction import atomic

from audit.models import AuditLog
from tests.api.client import API, Api, assert_problem, body_of, wire_time
from tests.books import make_user
from tests.concurrency import PATIENCE, at_once
from users.models import User
from users.roles import Role

USERS = f"{API}/users"
REGISTER = f"{API}/auth/register"
ALICE = {"username": "Alice", "email": "Alice@Example.com", "password": "blue-Whale-77"}

pytestmark = pytest.mark.django_db


def refused(body: dict[str, Any], path: str = USERS) -> dict[str, list[dict[str, str]]]:
    """The errors of a registration of which nothing may be stored."""
    before = User.objects.count(), AuditLog.objects.count()
    problem = assert_problem(Api().post(path, body), 400, "invalid_request")
    assert (User.objects.count(), AuditLog.objects.count()) == before
    errors: dict[str, list[dict[str, str]]] = problem["errors"]
    return errors


def codes(errors: dict[str, list[dict[str, str]]]) -> dict[str, list[str]]:
    return {name: [error["code"] for error in found] for name, found in errors.items()}


def test_create_user_answers_the_user() -> None:
    response = Api().post(USERS, ALICE)
    user = User.objects.get()
    assert response.status_code == 201
    assert response["Location"] == f"{USERS}/{user.pk}"
    assert body_of(response) == {
        "id": user.pk,
        "username": "Alice",
        "email": "alice@example.com",
        "role": "user",
        "is_active": True,
        "created_at": wire_time(user.created_at),
        "updated_at": wire_time(user.updated_at),
    }
    assert user.password.startswith("argon2$argon2id$")
    assert [group.name for group in user.groups.all()] == ["user"]


def test_create_user_is_audited_without_secrets() -> None:
    Api().post(USERS, ALICE)
    row = AuditLog.objects.get()
    user = User.objects.get()
    assert (row.action, row.entity_id, row.actor_id) == ("user.created", str(user.pk), "")
    assert row.actor_name == "anonymous"
    assert row.details == {"username": "Alice", "role": "user"}
    assert row.ip == "127.0.0.1"


def test_register_answers_with_tokens_that_work() -> None:
    response = Api().post(REGISTER, ALICE)
    body = body_of(response)
    assert response.status_code == 201
    assert response["Cache-Control"] == "no-store"
    assert body.keys() == {"access", "refresh", "token_type", "expires_in", "user"}
    assert (body["token_type"], body["expires_in"]) == ("Bearer", 900)
    api = Api()
    api.headers["Authorization"] = f"Bearer {body['access']}"
    assert body_of(api.get(f"{USERS}/me")) == body["user"]


@pytest.mark.parametrize("role", ["user", "auditor", "finance", "admin"])
def test_role_is_ignored_from_a_stranger(role: str) -> None:
    assert body_of(Api().post(USERS, ALICE | {"role": role}))["role"] == "user"


@pytest.mark.parametrize("asking", [Role.USER, Role.AUDITOR, Role.FINANCE])
def test_role_is_ignored_from_those_who_manage_no_users(asking: Role) -> None:
    api = Api(make_user("somebody", asking))
    assert body_of(api.post(USERS, ALICE | {"role": "admin"}))["role"] == "user"


def test_role_is_given_by_an_admin(admin: User) -> None:
    response = Api(admin).post(USERS, ALICE | {"role": "finance"})
    assert body_of(response)["role"] == "finance"
    user = User.objects.get(username="Alice")
    assert [group.name for group in user.groups.all()] == ["finance"]
    assert AuditLog.objects.get().actor_id == str(admin.pk)


def test_unknown_role_is_refused() -> None:
    assert codes(refused(ALICE | {"role": "emperor"})) == {"role": ["invalid_choice"]}


@pytest.mark.parametrize("path", [USERS, REGISTER])
def test_closed_registration_admits_only_through_an_admin(
    path: str, admin: User, finance: User, settings: Any
) -> None:
    settings.OPEN_REGISTRATION = False
    assert_problem(Api().post(path, ALICE), 403, "registration_closed")
    assert_problem(Api(finance).post(path, ALICE), 403, "registration_closed")
    assert Api(admin).post(path, ALICE).status_code == 201


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"username": ""}, {"username": ["blank"]}),
        ({"username": "x"}, {"username": ["invalid"]}),
        ({"username": "a b"}, {"username": ["invalid"]}),
        ({"username": " alice"}, {"username": ["invalid"]}),
        ({"username": "alice\n"}, {"username": ["invalid"]}),
        ({"username": "al@ice"}, {"username": ["invalid"]}),
        ({"username": "älice"}, {"username": ["invalid"]}),
        ({"username": "a" * 51}, {"username": ["max_length"]}),
        ({"username": 7}, {"username": ["not_text"]}),
        ({"username": 1.5}, {"username": ["not_text"]}),
        ({"username": True}, {"username": ["not_text"]}),
        ({"username": None}, {"username": ["null"]}),
        ({"username": ["alice"]}, {"username": ["not_text"]}),
        ({"email": ""}, {"email": ["blank"]}),
        ({"email": "alice"}, {"email": ["invalid"]}),
        ({"email": "alice@example.com\n"}, {"email": ["invalid"]}),
        ({"email": "älice@example.com"}, {"email": ["invalid"]}),
        ({"email": "alice@exämple.com"}, {"email": ["not_ascii"]}),
        ({"email": "a" * 243 + "@example.com"}, {"email": ["max_length"]}),
        ({"email": {}}, {"email": ["not_text"]}),
        ({"password": ""}, {"password": ["blank"]}),
        ({"password": 12345678901}, {"password": ["not_text"]}),
        ({"password": "Xy7-" * 32 + "z"}, {"password": ["max_length"]}),
        ({"password": "short-1"}, {"password": ["password_too_short"]}),
        ({"password": "password1"}, {"password": ["password_too_common"]}),
        ({"password": "8361950274"}, {"password": ["password_entirely_numeric"]}),
        ({"password": "alice@example.com"}, {"password": ["password_too_similar"]}),
        ({"is_active": True}, {"is_active": ["unknown_field"]}),
        ({"is_superuser": True}, {"is_superuser": ["unknown_field"]}),
    ],
)
def test_bad_field_is_named_and_nothing_stored(
    changed: dict[str, Any], expected: dict[str, list[str]]
) -> None:
    assert codes(refused(ALICE | changed)) == expected


def test_missing_fields_are_all_named() -> None:
    expected = {name: ["required"] for name in ("username", "email", "password")}
    assert codes(refused({})) == expected


@pytest.mark.parametrize("body", [[], "alice", 7, None, [ALICE]])
def test_body_that_is_no_object_is_refused(body: Any) -> None:
    assert_problem(Api().post(USERS, body), 400, "invalid_request")


@pytest.mark.parametrize("text", [b"", b"{", b'{"username": NaN}', b"\xff"])
def test_body_that_is_no_json_is_refused(text: bytes) -> None:
    response = Api().post(USERS, text)
    assert response.status_code == 400


@pytest.mark.parametrize("name", ["username", "email", "password"])
def test_nul_character_is_refused(name: str) -> None:
    assert_problem(Api().post(USERS, ALICE | {name: "a\0b-8361-xyz"}), 400, "invalid_json")
    assert not User.objects.exists()


def test_password_keeps_its_spaces_and_odd_characters() -> None:
    password = "  päss wörd 😀 77  "
    Api().post(USERS, ALICE | {"password": password})
    user = User.objects.get()
    assert user.check_password(password)
    assert not user.check_password(password.strip())


def test_longest_password_is_accepted() -> None:
    assert Api().post(USERS, ALICE | {"password": "Xy7-" * 32}).status_code == 201


@pytest.mark.parametrize("path", [USERS, REGISTER])
def test_taken_name_and_email_are_refused_in_any_case(path: str) -> None:
    make_user("aLICE", email="ALICE@example.COM")
    expected = {"username": ["unique"], "email": ["unique"]}
    assert codes(refused(ALICE, path)) == expected


def test_several_problems_are_named_at_once() -> None:
    make_user("alice", email="other@example.com")
    errors = refused({"username": "ALICE", "email": "nowhere", "password": "ALICE.1"})
    assert codes(errors) == {
        "username": ["unique"],
        "email": ["invalid"],
        "password": ["password_too_similar", "password_too_short"],
    }


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_wrong_method_is_refused(method: str, alice: User) -> None:
    assert_problem(Api(alice).send(method, USERS, {}), 405, "method_not_allowed")


@pytest.mark.django_db(transaction=True)
def test_same_name_at_once_is_given_once() -> None:
    def call(number: int) -> Callable[[], Any]:
        body = ALICE | {"email": f"alice{number}@example.com"}
        return lambda: Api().post(USERS, body)

    responses: list[Any] = at_once([call(number) for number in range(4)])
    assert sorted(response.status_code for response in responses) == [201, 400, 400, 400]
    for response in responses:
        if response.status_code == 400:
            assert codes(body_of(response)["errors"]) == {"username": ["unique"]}
    assert User.objects.count() == AuditLog.objects.count() == 1


@pytest.mark.django_db(transaction=True)
def test_name_taken_between_check_and_write_gets_the_same_answer() -> None:
    """The other registration has written but not committed when this one looks, so that only the
    unique constraint can tell."""
    written, writing = threading.Event(), threading.Event()

    def first() -> None:
        with atomic():
            make_user("ALICE", email="first@example.com")
            written.set()
            assert writing.wait(PATIENCE)
        connections.close_all()

    def announce(execute: Any, sql: str, *args: Any) -> Any:
        if sql.startswith(("BEGIN", "INSERT")):
            writing.set()
        return execute(sql, *args)

    with ThreadPoolExecutor(1) as pool:
        committed = pool.submit(first)
        assert written.wait(PATIENCE)
        with connection.execute_wrapper(announce):
            response = Api().post(USERS, ALICE)
        committed.result(PATIENCE)
    problem = assert_problem(response, 400, "invalid_request")
    assert codes(problem["errors"]) == {"username": ["unique"]}
    assert [user.username for user in User.objects.all()] == ["ALICE"]
