"""Users in the back-office: who is added, changed and signed in, and what the audit trail keeps."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken

from audit.models import AuditLog
from tests.back_office import signed_in
from tests.books import PASSWORD, make_user
from users import accounts
from users.actors import Actor
from users.models import User
from users.roles import Role
from users.tokens import issue

ADD = reverse("admin:users_user_add")
NEW_PASSWORD = "another-horse-8"


def account_path(user: User) -> str:
    return reverse("admin:users_user_account", args=[user.pk])


def add_form(**fields: str) -> dict[str, str]:
    passwords = {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD}
    return {
        "username": "dora",
        "email": "Dora@Example.com",
        "role": "finance",
        **passwords,
    } | fields


def change_form(user: User, **fields: str) -> dict[str, str]:
    form = {
        "username": user.username,
        "email": user.email,
        "role": str(user.role),
        "shown": user.updated_at.isoformat(),
    }
    return form | ({"is_active": "on"} if user.is_active else {}) | fields


def last_record() -> dict[str, Any]:
    fields = ("actor_id", "actor_name", "action", "entity_type", "entity_id", "details")
    found: dict[str, Any] = AuditLog.objects.order_by("-pk").values(*fields)[0]
    return found


def record(by: User, action: str, on: User, **details: Any) -> dict[str, Any]:
    return {
        "actor_id": str(by.pk),
        "actor_name": by.username,
        "action": action,
        "entity_type": "user",
        "entity_id": str(on.pk),
        "details": {"username": on.username, **details},
    }


def test_add_makes_a_user_who_can_sign_in_and_keeps_who_did_it(admin: User) -> None:
    response = signed_in(admin).post(ADD, add_form())
    dora = User.objects.get(username="dora")
    assert response.headers["Location"] == reverse("admin:users_user_change", args=[dora.pk])
    assert (dora.email, dora.role, dora.is_superuser) == ("dora@example.com", "finance", False)
    assert [group.name for group in dora.groups.all()] == ["finance"]
    assert dora.check_password(NEW_PASSWORD)
    assert last_record() == record(admin, "user.created", dora, role="finance")


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"username": "ALICE"}, "username"),
        ({"username": "a b"}, "username"),
        ({"email": "ALICE@example.com"}, "email"),
        ({"email": "nonsense"}, "email"),
        ({"role": "king"}, "role"),
        ({"password2": "something-else-1"}, "password2"),
        ({"password1": "12345678", "password2": "12345678"}, "password2"),
        ({"password1": "ab3-" * 40, "password2": "ab3-" * 40}, "password2"),
    ],
)
def test_add_refuses(admin: User, alice: User, fields: dict[str, str], field: str) -> None:
    response = signed_in(admin).post(ADD, add_form(**fields))
    assert list(response.context["adminform"].form.errors) == [field]
    assert set(User.objects.all()) == {admin, alice}


def test_add_takes_the_name_of_a_deleted_user(admin: User, alice: User) -> None:
    accounts.delete_user(user_id=alice.pk, by=Actor.system("tests"))
    signed_in(admin).post(ADD, add_form(username="alice", email="alice@example.com"))
    assert User.objects.filter(username="alice").count() == 2


def test_change_is_saved_and_kept_with_before_and_after(admin: User, alice: User) -> None:
    form = change_form(alice, email="New@Example.com", role="auditor")
    signed_in(admin).post(account_path(alice), form)
    alice.refresh_from_db()
    assert (alice.email, alice.role) == ("new@example.com", "auditor")
    assert [group.name for group in alice.groups.all()] == ["auditor"]
    changes = {"email": ["alice@example.com", "new@example.com"], "role": ["user", "auditor"]}
    assert last_record() == record(admin, "user.updated", alice, changes=changes)


def test_deactivation_ends_the_sessions_of_the_user(admin: User, alice: User) -> None:
    issue(alice)
    form = change_form(alice)
    del form["is_active"]
    signed_in(admin).post(account_path(alice), form)
    alice.refresh_from_db()
    assert not alice.is_active
    assert BlacklistedToken.objects.filter(token__user=alice).count() == 1


def test_change_ignores_fields_that_are_not_on_the_page(admin: User, alice: User) -> None:
    form = change_form(alice, is_superuser="on", password="x", groups="1", user_permissions="1")
    signed_in(admin).post(account_path(alice), form)
    after = User.objects.get(pk=alice.pk)
    assert (after.is_superuser, after.password) == (False, alice.password)
    assert [group.name for group in after.groups.all()] == ["user"]


@pytest.mark.parametrize("fields", [{"username": "BOB"}, {"email": "Bob@example.com"}])
def test_change_refuses_what_another_has(
    admin: User, alice: User, bob: User, fields: dict[str, str]
) -> None:
    response = signed_in(admin).post(account_path(alice), change_form(alice, **fields))
    assert list(response.context["adminform"].form.errors) == list(fields)
    assert User.objects.get(pk=alice.pk).username_key == "alice"


@pytest.mark.parametrize("changed", [{"role": "user"}, {"is_active": ""}])
def test_last_admin_neither_demotes_nor_deactivates_themselves(
    admin: User, changed: dict[str, str]
) -> None:
    form = change_form(admin, **changed)
    page = signed_in(admin).post(account_path(admin), form, follow=True)
    assert "Ask another administrator to change your role" in page.content.decode()
    assert User.objects.get(pk=admin.pk).is_active_admin


def test_stale_page_gives_nobody_back_what_was_taken(admin: User, finance: User) -> None:
    """Whoever saves a page sends all of it, the role as it was then as well."""
    client = signed_in(admin)
    page = client.get(account_path(finance))
    shown = page.context["adminform"].form["shown"].value()
    assert f'name="shown" value="{shown}"' in page.content.decode()
    form = change_form(finance, email="new@example.com", shown=shown)
    accounts.update_user(user_id=finance.pk, changes={"role": "user"}, by=Actor.system("tests"))
    for stale in (form, form | {"shown": ""}, form | {"shown": "2026-01-01T00:00:00"}):
        said = client.post(account_path(finance), stale, follow=True).content.decode()
        assert "finance was changed since you opened this page. Look at it again" in said
    now = User.objects.get(pk=finance.pk)
    assert (now.role, now.email) == (Role.USER, "finance@example.com")
    again = change_form(now, email="new@example.com")
    for _ in range(2):  # a double click finds nothing to change the second time
        saved = client.post(account_path(finance), again, follow=True).content.decode()
        assert "was changed since" not in saved
    assert User.objects.get(pk=finance.pk).email == "new@example.com"


def test_superuser_is_changed_by_superusers_only(admin: User) -> None:
    root = make_user("root", Role.ADMIN, is_superuser=True)
    client = signed_in(admin)
    assert client.post(account_path(root), change_form(root)).status_code == 403
    password = reverse("admin:auth_user_password_change", args=[root.pk])
    assert client.get(password).status_code == 403
    assert signed_in(root).post(account_path(root), change_form(root)).status_code == 302


def test_deleted_user_can_be_read_but_not_changed(admin: User, alice: User) -> None:
    accounts.delete_user(user_id=alice.pk, by=Actor.system("tests"))
    client = signed_in(admin)
    assert client.get(account_path(alice)).status_code == 200
    form = change_form(alice, is_active="on")
    assert client.post(account_path(alice), form).status_code == 403


def test_new_password_ends_the_sessions_of_the_user(admin: User, alice: User) -> None:
    issue(alice)
    path = reverse("admin:auth_user_password_change", args=[alice.pk])
    signed_in(admin).post(path, {"password1": NEW_PASSWORD, "password2": NEW_PASSWORD})
    assert User.objects.get(pk=alice.pk).check_password(NEW_PASSWORD)
    assert BlacklistedToken.objects.filter(token__user=alice).count() == 1
    assert last_record() == record(admin, "user.password_changed", alice)


def test_refused_password_changes_nothing(admin: User, alice: User) -> None:
    path = reverse("admin:auth_user_password_change", args=[alice.pk])
    for password in ("12345678", "", "ab3-" * 40):
        signed_in(admin).post(path, {"password1": password, "password2": password})
    assert User.objects.get(pk=alice.pk).check_password(PASSWORD)
    assert not AuditLog.objects.filter(action="user.password_changed").exists()


def test_own_password_keeps_this_session_and_ends_the_tokens(auditor: User) -> None:
    issue(auditor)
    client = signed_in(auditor)
    form = {"old_password": PASSWORD, "new_password1": NEW_PASSWORD, "new_password2": NEW_PASSWORD}
    client.post(reverse("admin:password_change"), form)
    assert last_record() == record(auditor, "user.password_changed", auditor)
    assert BlacklistedToken.objects.filter(token__user=auditor).count() == 1
    assert client.get(reverse("admin:index")).status_code == 200


@pytest.mark.parametrize("name", ["auditor", "Auditor@Example.com"])
def test_staff_sign_in_by_username_or_email_and_out(auditor: User, name: str) -> None:
    client = Client()
    form = {"username": name, "password": PASSWORD}
    response = client.post(reverse("admin:login"), form)
    assert response.headers["Location"] == reverse("admin:index")
    assert last_record() == record(auditor, "user.logged_in", auditor)
    client.post(reverse("admin:logout"))
    assert last_record() == record(auditor, "user.logged_out", auditor)


def test_wrong_password_is_kept_in_the_trail(auditor: User) -> None:
    Client().post(reverse("admin:login"), {"username": "auditor", "password": "wrong"})
    assert last_record()["action"] == "user.login_failed"
    assert last_record()["details"] == {"identifier": "auditor"}


def test_user_without_a_staff_role_is_not_let_in(alice: User) -> None:
    form = {"username": "alice", "password": PASSWORD}
    response = Client().post(reverse("admin:login"), form)
    assert response.status_code == 200
    assert "_auth_user_id" not in response.client.session


def test_no_page_shows_a_password_hash(admin: User, alice: User) -> None:
    issue(alice)
    client = signed_in(admin)
    paths = (reverse("admin:users_user_changelist"), account_path(alice))
    pages = "".join(client.get(path).content.decode() for path in paths)
    assert [secret for secret in ("argon2", alice.password) if secret in pages] == []


@pytest.mark.parametrize(
    ("page", "lookup"),
    [
        ("users_user", "password__startswith"),
        ("users_user", "outstandingtoken__jti__startswith"),
        ("balances_balance", "user__password__startswith"),
        ("transactions_transaction", "requested_by__password__startswith"),
    ],
)
def test_no_list_can_be_filtered_by_a_secret(admin: User, page: str, lookup: str) -> None:
    path = reverse(f"admin:{page}_changelist")
    assert signed_in(admin).get(path, {lookup: "a"}).status_code == 400
