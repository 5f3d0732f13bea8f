"""Guessing passwords locks the name for a while, for strangers, and tells them nothing."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from audit.models import AuditLog
from tests.api.client import API, Api, assert_problem
from tests.back_office import signed_in
from tests.books import PASSWORD, make_user
from tests.clock import Clock, utc
from tests.concurrency import at_once
from users.lockouts import locks_of
from users.models import LoginTally, User

HOME, OFFICE, STRANGER = "198.51.100.1", "198.51.100.2", "203.0.113.66"
LIMIT = 3
WRONG = "wrong-horse-7"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def quick_to_lock(settings: Settings) -> None:
    settings.LOGIN_LOCKOUT_FAILURES = LIMIT
    settings.LOGIN_LOCKOUT_MINUTES = 30


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, utc("2026-11-24 09:00"))


def sign_in(name: str, password: str = WRONG, at: str = STRANGER) -> HttpResponse:
    body = {"email" if "@" in name else "username": name, "password": password}
    return Api().send("POST", f"{API}/auth/login", body, REMOTE_ADDR=at)


def fail(name: str, at: str = STRANGER, times: int = LIMIT) -> list[int]:
    return [sign_in(name, at=at).status_code for _ in range(times)]


def at_the_back_office(name: str, password: str = PASSWORD, at: str = STRANGER) -> Any:
    form = {"username": name, "password": password}
    return Client().post(reverse("admin:login"), form, REMOTE_ADDR=at)


def test_name_is_locked_whether_or_not_it_is_anybodys(finance: User, clock: Clock) -> None:
    answers = []
    for name in ("finance", "finance@example.com", "nobody"):
        assert fail(name) == [401] * LIMIT
        for typed in (name, f" {name.upper()} "):
            response = sign_in(typed, PASSWORD)
            problem = assert_problem(response, 429, "login_locked")
            assert response["Retry-After"] == "1800"
            answers.append({**problem, "request_id": ""})
        page = at_the_back_office(name)
        (told,) = page.context["form"].non_field_errors()
        assert told.startswith("Too many sign-ins under this name have failed.")
        assert "in 30 minutes, or ask an administrator" in told
        assert "_auth_user_id" not in page.client.session
    assert answers == [answers[0]] * len(answers)


def test_failures_at_either_door_are_counted_together(finance: User) -> None:
    fail("finance", times=LIMIT - 1)
    at_the_back_office("finance", WRONG)
    assert_problem(sign_in("finance", PASSWORD), 429, "login_locked")


def test_lock_ends_by_itself_and_begins_anew(finance: User, clock: Clock) -> None:
    fail("finance")
    clock.set("2026-11-24 09:29")
    assert fail("finance") == [429] * LIMIT
    clock.set("2026-11-24 09:30")
    assert fail("finance") == [401] * LIMIT
    assert sign_in("finance", PASSWORD).status_code == 429
    clock.set("2026-11-24 10:00")
    assert sign_in("finance", PASSWORD).status_code == 200


def test_only_failures_in_a_row_lock(finance: User, clock: Clock) -> None:
    for name in ("finance", "finance@example.com"):
        fail(name, times=LIMIT - 1)
    assert sign_in("finance", PASSWORD).status_code == 200
    for name in ("finance", "finance@example.com"):
        assert fail(name, times=LIMIT - 1) == [401] * (LIMIT - 1)
    clock.set("2026-11-24 09:31")
    assert fail("finance", times=LIMIT - 1) == [401] * (LIMIT - 1)
    assert sign_in("finance", PASSWORD).status_code == 200


def test_strangers_can_not_lock_out_who_signs_in_where_they_always_do(finance: User) -> None:
    assert sign_in("finance", PASSWORD, at=OFFICE).status_code == 200
    for name in ("finance", "finance@example.com"):
        fail(name)
        assert sign_in(name, PASSWORD).status_code == 429
        assert sign_in(name, PASSWORD, at=OFFICE).status_code == 200
        assert sign_in(name, PASSWORD, at=HOME).status_code == 429  # not known yet


def test_failures_at_a_known_address_lock_that_one_alone(finance: User) -> None:
    sign_in("finance", PASSWORD, at=OFFICE)
    fail("finance", at=OFFICE)
    assert sign_in("finance", PASSWORD, at=OFFICE).status_code == 429
    assert sign_in("finance", PASSWORD, at=HOME).status_code == 200


def test_address_is_known_for_thirty_days(finance: User, clock: Clock) -> None:
    sign_in("finance", PASSWORD, at=OFFICE)
    clock.set("2026-12-23 09:00")
    fail("finance")
    assert sign_in("finance", PASSWORD, at=OFFICE).status_code == 200
    clock.set("2027-01-23 09:00")
    fail("finance")
    assert sign_in("finance", PASSWORD, at=OFFICE).status_code == 429


@pytest.mark.django_db(transaction=True)
def test_no_more_guesses_are_answered_than_the_limit_however_many_at_once() -> None:
    make_user("finance")
    guesses: list[Callable[[], HttpResponse]] = [
        partial(sign_in, "finance", at=f"203.0.113.{number}") for number in range(8)
    ]
    answers = at_once(guesses)
    refused = [a.status_code for a in answers if isinstance(a, HttpResponse)]
    assert sorted(refused) == [401] * LIMIT + [429] * (8 - LIMIT)
    assert sign_in("finance", PASSWORD).status_code == 429
    assert AuditLog.objects.filter(action="user.login_locked").count() == 1


def test_right_password_is_not_told_when_others_lock_meanwhile(
    finance: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    check = User.check_password

    def slow_check(self: User, password: str) -> bool:
        monkeypatch.setattr(User, "check_password", check)
        fail("finance")
        return check(self, password)

    for password in (PASSWORD, WRONG):
        LoginTally.objects.all().delete()
        monkeypatch.setattr(User, "check_password", slow_check)
        assert_problem(sign_in("finance", password), 429, "login_locked")


def test_names_that_are_typed_are_not_kept(finance: User) -> None:
    fail("my-secret-password", times=1)
    fail("finance", times=1)
    kept = str(list(LoginTally.objects.values()))
    assert [text for text in ("my-secret", "finance", STRANGER) if text in kept] == []


def test_tallies_of_long_ago_are_forgotten(clock: Clock) -> None:
    fail("nobody", times=1)
    clock.set("2026-12-30 09:00")
    fail("somebody", times=1)
    assert LoginTally.objects.count() == 1


def test_lock_is_in_the_audit_trail(finance: User) -> None:
    fail("finance")
    fail("finance", times=2)  # tells no more
    row = AuditLog.objects.get(action="user.login_locked")
    assert (row.actor_name, row.entity_type, row.ip) == ("anonymous", "user", STRANGER)
    assert row.details == {"identifier": "finance", "where": "other addresses"}
    assert AuditLog.objects.filter(action="user.login_failed").count() == LIMIT


def test_admin_sees_the_lock_and_lifts_it(finance: User, admin: User, auditor: User) -> None:
    page = reverse("admin:users_user_account", args=[finance.pk])
    unlock = reverse("admin:users_user_unlock", args=[finance.pk])
    fail("finance@example.com")
    client = signed_in(admin)
    assert f'href="{unlock}"' in client.get(page).content.decode()
    assert client.post(unlock, {"confirmed": "True"})["Location"] == page
    assert sign_in("finance@example.com", PASSWORD).status_code == 200
    row = AuditLog.objects.get(action="user.unlocked")
    assert (row.actor_name, row.entity_id) == ("admin", str(finance.pk))
    assert unlock not in client.get(page).content.decode()
    fail("finance")
    assert signed_in(auditor).post(unlock, {"confirmed": "True"}).status_code == 403
    assert len(locks_of(finance)) == 1


def test_new_password_set_by_an_admin_lifts_the_lock(finance: User, admin: User) -> None:
    fail("finance")
    new = "another-horse-8"
    path = reverse("admin:auth_user_password_change", args=[finance.pk])
    signed_in(admin).post(path, {"password1": new, "password2": new})
    assert sign_in("finance", new).status_code == 200


def test_command_lifts_a_lock(finance: User, capsys: pytest.CaptureFixture[str]) -> None:
    fail("finance")
    for said in ("finance can sign in again.", "finance was not locked."):
        call_command("unlock_login", "Finance@Example.com")
        assert capsys.readouterr().out.strip() == said
    assert sign_in("finance", PASSWORD).status_code == 200
    row = AuditLog.objects.get(action="user.unlocked")
    assert (row.actor_id, row.actor_name) == ("", "unlock_login")
    with pytest.raises(CommandError, match="no user 'nobody'"):
        call_command("unlock_login", "nobody")


def test_lock_holds_without_redis(finance: User, settings: Settings) -> None:
    gone = {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1:1/0"}
    settings.CACHES = {"default": {**gone, "OPTIONS": {"IGNORE_EXCEPTIONS": True}}}
    assert sign_in("finance", PASSWORD, at=OFFICE).status_code == 200
    fail("finance")
    assert sign_in("finance", PASSWORD).status_code == 429
    assert sign_in("finance", PASSWORD, at=OFFICE).status_code == 200
