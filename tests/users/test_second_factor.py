"""The second factor at the API's login, and what of it is kept."""

import logging
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.http import HttpResponse
from pytest_django import Settings

from audit.models import AuditLog
from tests.api.client import API, Api, assert_problem, body_of
from tests.books import PASSWORD, make_user
from tests.clock import Clock, utc
from tests.concurrency import at_once
from tests.phones import Phones
from users import accounts, enrolment
from users.actors import Actor
from users.api_keys import create_api_key
from users.errors import OtpInUse, OtpInvalid, OtpMandatory
from users.models import Authenticator, RecoveryCode, User
from users.roles import Role
from users.second_factor import authenticator_of, recovery_codes_left
from users.tokens import issue

LOGIN, REFRESH, ME = f"{API}/auth/login", f"{API}/auth/refresh", f"{API}/users/me"
NOBODY = Actor.system("tests")

pytestmark = pytest.mark.django_db


def log_in(name: str, otp: str | None = None) -> HttpResponse:
    body = {"username": name, "password": PASSWORD} | ({} if otp is None else {"otp": otp})
    return Api().post(LOGIN, body)


def answer(response: HttpResponse) -> int:
    return response.status_code


def me(access: str) -> HttpResponse:
    api = Api()
    api.headers["Authorization"] = f"Bearer {access}"
    return api.get(ME)


def actions() -> list[str]:
    return list(AuditLog.objects.order_by("pk").values_list("action", flat=True))


def test_password_alone_is_not_enough_for_who_has_an_authenticator(
    finance: User, phones: Phones
) -> None:
    phones.set_up(finance)
    assert_problem(log_in("finance"), 401, "otp_required")
    assert_problem(log_in("finance", "000000"), 401, "otp_invalid")
    assert actions() == ["user.second_factor_enrolled", "user.second_factor_failed"]


def test_code_signs_in_and_its_session_goes_on(finance: User, phones: Phones) -> None:
    phones.set_up(finance)
    code = phones.next_code(finance)
    session = body_of(log_in("finance", f" {code[:3]} {code[3:]} "))
    assert answer(me(session["access"])) == 200
    renewed = body_of(Api().post(REFRESH, {"refresh": session["refresh"]}))
    assert answer(me(renewed["access"])) == 200


def test_who_has_none_is_asked_for_none(finance: User, alice: User) -> None:
    assert [answer(log_in(name)) for name in ("finance", "alice")] == [200, 200]
    assert answer(log_in("finance", "123456")) == 200


def test_wrong_password_is_told_before_any_code_is_looked_at(finance: User, phones: Phones) -> None:
    phones.set_up(finance)
    body = {"username": "finance", "password": "wrong", "otp": phones.next_code(finance)}
    assert_problem(Api().post(LOGIN, body), 401, "invalid_credentials")
    assert answer(log_in("finance", body["otp"])) == 200


@pytest.mark.parametrize("steps", [-2, 2])
def test_code_of_another_minute_is_refused(finance: User, phones: Phones, steps: int) -> None:
    phones.set_up(finance)
    phones.now += 300
    secret = Authenticator.objects.get().bin_key
    assert_problem(log_in("finance", phones.code(secret, steps)), 401, "otp_invalid")


def test_code_is_good_once(finance: User, phones: Phones, clock: Clock) -> None:
    phones.set_up(finance)
    code = phones.next_code(finance)
    assert answer(log_in("finance", code)) == 200
    assert_problem(log_in("finance", code), 401, "otp_invalid")
    clock.set("2026-11-24 09:01")
    older = phones.code(Authenticator.objects.get().bin_key, -1)
    assert_problem(log_in("finance", older), 401, "otp_invalid")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, utc("2026-11-24 09:00"))


@pytest.mark.django_db(transaction=True)
def test_code_sent_many_times_at_once_is_good_once(phones: Phones) -> None:
    finance = make_user("finance", Role.FINANCE)
    recovery = phones.set_up(finance)[0]
    for code in (phones.next_code(finance), recovery):
        Authenticator.objects.update(throttling_failure_count=0)
        answers = at_once([partial(log_in, "finance", code) for _ in range(6)])
        statuses = sorted(a.status_code for a in answers if isinstance(a, HttpResponse))
        assert (statuses[0], len(statuses)) == (200, 6)
        assert set(statuses[1:]) <= {401, 429}


def test_each_wrong_code_doubles_the_wait_up_to_an_end(
    finance: User, phones: Phones, clock: Clock
) -> None:
    phones.set_up(finance)
    waits = []
    for _ in range(13):
        assert_problem(log_in("finance", "000000"), 401, "otp_invalid")
        refused = log_in("finance", phones.next_code(finance))
        assert_problem(refused, 429, "otp_throttled")
        waits.append(int(refused["Retry-After"]))
        clock.now += timedelta(seconds=waits[-1])
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024, 1024]
    assert answer(log_in("finance", phones.next_code(finance))) == 200
    assert_problem(log_in("finance", "000000"), 401, "otp_invalid")
    assert log_in("finance", "000000")["Retry-After"] == "1"


def test_recovery_code_signs_in_once_however_it_is_typed(finance: User, phones: Phones) -> None:
    first, second, *_ = phones.set_up(finance)
    assert answer(log_in("finance", first)) == 200
    assert_problem(log_in("finance", first), 401, "otp_invalid")
    Authenticator.objects.update(throttling_failure_count=0)
    typed = second.replace("-", " ").upper().replace("0", "O").replace("1", "L")
    assert answer(log_in("finance", typed)) == 200
    assert recovery_codes_left(finance) == 8
    row = AuditLog.objects.filter(action="user.recovery_code_used").latest("pk")
    assert row.details["changes"] == {"recovery_codes_left": [9, 8]}


def test_recovery_code_of_somebody_else_is_refused(
    finance: User, auditor: User, phones: Phones
) -> None:
    phones.set_up(finance)
    assert_problem(log_in("finance", phones.set_up(auditor)[0]), 401, "otp_invalid")


def test_required_of_staff_nobody_gets_in_without(
    settings: Settings, finance: User, alice: User, phones: Phones
) -> None:
    before = issue(finance)
    settings.STAFF_REQUIRE_2FA = True
    assert_problem(log_in("finance"), 403, "otp_not_set_up")
    assert_problem(me(before.access), 401, "invalid_token")
    assert_problem(Api().post(REFRESH, {"refresh": before.refresh}), 401, "invalid_token")
    assert answer(log_in("alice")) == 200
    phones.set_up(finance)
    assert answer(log_in("finance", phones.next_code(finance))) == 200


def test_customer_who_becomes_staff_needs_a_second_factor_at_once(
    settings: Settings, alice: User, admin: User
) -> None:
    settings.STAFF_REQUIRE_2FA = True
    session = body_of(log_in("alice"))
    accounts.update_user(user_id=alice.pk, changes={"role": "finance"}, by=Actor.of(admin))
    assert_problem(me(session["access"]), 401, "invalid_token")


def test_api_keys_of_staff_need_none(settings: Settings, finance: User, phones: Phones) -> None:
    phones.set_up(finance)
    settings.STAFF_REQUIRE_2FA = True
    made = create_api_key(user_id=finance.pk, name="billing", scopes=["read"], by=NOBODY)
    api = Api()
    api.headers["Authorization"] = f"Api-Key {made.text}"
    assert answer(api.get(ME)) == 200


def test_sessions_end_when_the_authenticator_changes(finance: User, phones: Phones) -> None:
    changes: list[Any] = [
        partial(phones.set_up, finance),
        partial(phones.set_up, finance),
        partial(enrolment.disable, user=finance),
        partial(phones.set_up, finance),
        partial(enrolment.reset, user=finance, by=NOBODY),
    ]
    for change in changes:
        refresh = issue(finance).refresh
        change()
        assert_problem(Api().post(REFRESH, {"refresh": refresh}), 401, "invalid_token")
    ended = ["enrolled", "replaced", "disabled", "enrolled", "reset"]
    assert actions() == [f"user.second_factor_{how}" for how in ended]


def test_new_authenticator_takes_the_place_of_the_old_one(finance: User, phones: Phones) -> None:
    old_recovery = phones.set_up(finance)[0]
    old = Authenticator.objects.get()
    phones.set_up(finance)
    new = Authenticator.objects.get()
    assert new.bin_key != old.bin_key
    phones.now += 60
    assert_problem(log_in("finance", phones.code(old.bin_key)), 401, "otp_invalid")
    Authenticator.objects.update(throttling_failure_count=0)
    assert_problem(log_in("finance", old_recovery), 401, "otp_invalid")


@pytest.mark.parametrize(
    "code", ["000000", "12345", "", "\uff11\uff12\uff13\uff14\uff15\uff16", "+12345", "abcdef"]
)
def test_wrong_code_sets_nothing_up(finance: User, phones: Phones, code: str) -> None:
    phones.set_up(finance)
    with pytest.raises(OtpInvalid):
        enrolment.enrol(user=finance, key=enrolment.new_key(), code=code)
    assert answer(log_in("finance", phones.next_code(finance))) == 200


def test_authenticator_sent_twice_is_set_up_once(finance: User, phones: Phones) -> None:
    recovery = phones.set_up(finance)[0]
    key = Authenticator.objects.get().key
    with pytest.raises(OtpInUse):
        enrolment.enrol(user=finance, key=key, code=phones.next_code(finance))
    assert answer(log_in("finance", recovery)) == 200


def test_staff_can_not_turn_off_what_is_required(
    settings: Settings, finance: User, phones: Phones
) -> None:
    phones.set_up(finance)
    settings.STAFF_REQUIRE_2FA = True
    with pytest.raises(OtpMandatory):
        enrolment.disable(user=finance)
    assert authenticator_of(finance) is not None


def test_deleted_user_leaves_no_secrets(finance: User, phones: Phones) -> None:
    phones.set_up(finance)
    accounts.delete_user(user_id=finance.pk, by=NOBODY)
    assert not Authenticator.objects.exists()
    assert not RecoveryCode.objects.exists()


def test_database_alone_gives_no_codes(finance: User, phones: Phones, settings: Settings) -> None:
    recovery = phones.set_up(finance)
    device = Authenticator.objects.get()
    secret = device.bin_key
    with connection.cursor() as cursor:
        cursor.execute("SELECT * FROM otp_totp_totpdevice")
        kept = str(cursor.fetchall())
        cursor.execute("SELECT * FROM users_recoverycode")
        kept += str(cursor.fetchall())
    told = [secret.hex(), *recovery, *(code.replace("-", "") for code in recovery)]
    assert [one for one in told if one in kept] == []
    settings.SECRET_KEY = "another-secret-of-more-than-32-characters"
    assert device.bin_key != secret


def test_no_secret_is_logged_or_audited(
    finance: User, phones: Phones, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    recovery = phones.set_up(finance)
    code = phones.next_code(finance)
    for sent in (code, recovery[0], "000000"):
        log_in("finance", sent)
    log_in("finance", recovery[1])
    written = caplog.text + str(list(AuditLog.objects.values()))
    device = Authenticator.objects.get()
    told = [code, device.key, device.bin_key.hex(), *recovery[:2]]
    assert [one for one in told if one in written] == []


def test_command_resets(finance: User, phones: Phones, capsys: pytest.CaptureFixture[str]) -> None:
    phones.set_up(finance)
    for said in ("of finance is reset.", "finance had no two-step sign-in."):
        call_command("reset_second_factor", "FINANCE")
        assert said in capsys.readouterr().out
    assert answer(log_in("finance")) == 200
    row = AuditLog.objects.get(action="user.second_factor_reset")
    assert (row.actor_name, row.entity_id) == ("reset_second_factor", str(finance.pk))
    with pytest.raises(CommandError, match="no user 'nobody'"):
        call_command("reset_second_factor", "nobody")
