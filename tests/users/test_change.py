from functools import partial
from typing import Any

import pytest

from audit.models import AuditLog
from tests.api.client import API, Api, assert_problem, body_of
from tests.books import make_user
from tests.concurrency import at_once
from users.identity import forget_all
from users.models import User
from users.roles import Role

pytestmark = pytest.mark.django_db


def change(by: User, user: User, method: str = "PATCH", **body: Any) -> Any:
    return Api(by).send(method, f"{API}/users/{user.pk}", body)


def stored(user: User) -> dict[str, Any]:
    return dict(User.objects.filter(pk=user.pk).values().get())


def test_put_replaces_name_and_email(alice: User) -> None:
    response = change(alice, alice, "PUT", username="Alicia", email="ALICIA@example.com")
    body = body_of(response)
    assert response.status_code == 200
    assert (body["username"], body["email"]) == ("Alicia", "alicia@example.com")
    assert (stored(alice)["username"], stored(alice)["email"]) == ("Alicia", "alicia@example.com")
    assert body["updated_at"] > body["created_at"]


def test_put_needs_both(alice: User) -> None:
    problem = assert_problem(change(alice, alice, "PUT"), 400, "invalid_request")
    assert list(problem["errors"]) == ["username", "email"]


def test_patch_changes_what_is_sent(alice: User) -> None:
    body = body_of(change(alice, alice, email="new@example.com"))
    assert (body["username"], body["email"]) == ("alice", "new@example.com")


def test_change_is_audited_with_before_and_after(admin: User, alice: User) -> None:
    change(admin, alice, username="Alicia", role="finance", email="alice@example.com")
    row = AuditLog.objects.get()
    assert (row.action, row.actor_id) == ("user.updated", str(admin.pk))
    assert row.entity_id == str(alice.pk)
    assert row.details == {
        "username": "Alicia",
        "changes": {"username": ["alice", "Alicia"], "role": ["user", "finance"]},
    }


@pytest.mark.parametrize("body", [{}, {"username": "alice"}, {"role": "user"}, {"is_active": True}])
def test_change_of_nothing_leaves_no_trace(admin: User, alice: User, body: dict[str, Any]) -> None:
    before = stored(alice)
    assert change(admin, alice, **body).status_code == 200
    assert stored(alice) == before
    assert not AuditLog.objects.exists()


def test_case_of_the_own_name_may_change(alice: User) -> None:
    assert body_of(change(alice, alice, username="ALICE"))["username"] == "ALICE"


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"username": "BOB"}, "unique"),
        ({"email": "Bob@Example.com"}, "unique"),
        ({"username": "x"}, "invalid"),
        ({"username": None}, "null"),
        ({"username": "x" * 51}, "max_length"),
        ({"email": ""}, "blank"),
        ({"email": "nowhere"}, "invalid"),
        ({"email": 5}, "not_text"),
        ({"role": "emperor"}, "invalid_choice"),
        ({"is_active": "true"}, "not_boolean"),
        ({"is_active": 1}, "not_boolean"),
        ({"password": "blue-Whale-77"}, "unknown_field"),
        ({"id": 5}, "unknown_field"),
        ({"deleted_at": None}, "unknown_field"),
    ],
)
def test_bad_field_is_named_and_nothing_changed(
    admin: User, alice: User, bob: User, body: dict[str, Any], code: str
) -> None:
    before = stored(alice)
    problem = assert_problem(change(admin, alice, **body), 400, "invalid_request")
    (field,) = body
    assert [error["code"] for error in problem["errors"][field]] == [code]
    assert stored(alice) == before


@pytest.mark.parametrize("role", [Role.USER, Role.AUDITOR, Role.FINANCE])
@pytest.mark.parametrize("body", [{"role": "admin"}, {"is_active": False}, {"role": "user"}])
def test_role_and_activity_are_for_an_admin(role: Role, body: dict[str, Any]) -> None:
    alice = make_user("alice", role)
    before = stored(alice)
    assert_problem(change(alice, alice, **body), 403, "permission_denied")
    both = {"username": "new", "email": "new@example.com", **body}
    assert_problem(change(alice, alice, "PUT", **both), 403, "permission_denied")
    assert stored(alice) == before


@pytest.mark.parametrize("body", [{"role": "user"}, {"is_active": False}])
def test_nobody_changes_their_own_role_or_activity(admin: User, body: dict[str, Any]) -> None:
    before = stored(admin)
    assert_problem(change(admin, admin, **body), 409, "own_role_fixed")
    assert stored(admin) == before
    assert change(admin, admin, role="admin", username="boss").status_code == 200


def test_change_of_role_moves_the_user_to_its_group(admin: User, alice: User) -> None:
    change(admin, alice, role="auditor")
    assert [group.name for group in alice.groups.all()] == ["auditor"]


def test_superuser_who_is_no_admin_any_more_is_no_superuser() -> None:
    admin = make_user("toor", Role.ADMIN, is_superuser=True)
    root = User.objects.create_superuser("root", "root@example.com", "blue-Whale-77")
    change(admin, root, role="finance")
    assert stored(root)["is_superuser"] is False


def test_superuser_is_changed_and_deleted_by_superusers_only(admin: User) -> None:
    root = make_user("root", Role.ADMIN, is_superuser=True)
    before = stored(root)
    for body in ({"role": "user"}, {"is_active": False}, {"email": "mine@example.com"}):
        assert_problem(change(admin, root, **body), 403, "superuser_fixed")
    deletion = Api(admin).send("DELETE", f"{API}/users/{root.pk}")
    assert_problem(deletion, 403, "superuser_fixed")
    assert stored(root) == before
    assert change(root, root, email="root@example.org").status_code == 200


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("body", [{"role": "finance"}, {"is_active": False}])
def test_two_admins_who_end_each_other_at_once_leave_one(admin: User, body: dict[str, Any]) -> None:
    other = make_user("other-admin", Role.ADMIN)
    make_user("former-admin", Role.ADMIN, is_active=False)
    for _ in range(3):
        responses: list[Any] = at_once(
            [partial(change, admin, other, **body), partial(change, other, admin, **body)]
        )
        codes = sorted(response.status_code for response in responses)
        assert codes[0] == 200
        assert codes[1] in {401, 403, 409}  # 409 unless the first had ended before the second began
        left = User.objects.filter(role=Role.ADMIN, is_active=True)
        assert left.count() == 1
        User.objects.filter(pk__in=[admin.pk, other.pk]).update(role=Role.ADMIN, is_active=True)
        forget_all()


@pytest.mark.django_db(transaction=True)
def test_same_name_at_once_is_given_once() -> None:
    users = [make_user(name) for name in ("alice", "bob", "charlie")]
    responses: list[Any] = at_once(
        [partial(change, user, user, username="wanted") for user in users]
    )
    assert sorted(response.status_code for response in responses) == [200, 400, 400]
    assert User.objects.filter(username="wanted").count() == 1
