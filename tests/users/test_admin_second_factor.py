"""Two-step sign-in in the back-office: the way in, and looking after one's own authenticator."""

import re
from base64 import b32decode
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from audit.models import AuditLog
from tests.back_office import signed_in
from tests.books import PASSWORD, make_user
from tests.phones import Phones
from users import staff_sessions
from users.models import ApiKey, Authenticator, RecoveryCode, User
from users.roles import Role
from users.second_factor import recovery_codes_left

INDEX, LOGIN, CODE = (reverse(f"admin:{name}") for name in ("index", "login", "login_code"))
OWN, ENROL, CODES, OFF, CONFIRM = (
    reverse(f"admin:{name}")
    for name in (
        "second_factor",
        "second_factor_enrol",
        "second_factor_codes",
        "second_factor_off",
        "second_factor_confirm",
    )
)
AUDIT = reverse("admin:audit_auditlog_changelist")
RECOVERY = re.compile(r"<code>([0-9a-z]{4}(?:-[0-9a-z]{4}){3})</code>")

pytestmark = pytest.mark.django_db


def give_password(client: Client, user: User, goal: str = AUDIT) -> Any:
    form = {"username": user.username, "password": PASSWORD}
    return client.post(f"{LOGIN}?next={goal}", form)


def is_in(client: Client) -> bool:
    return client.get(INDEX).status_code == 200


def actions() -> list[str]:
    rows = AuditLog.objects.order_by("pk").values_list("action", flat=True)
    return [action.removeprefix("user.") for action in rows]


def stale(client: Client) -> Client:
    """As it is when the person has proved nothing for a while."""
    session = client.session
    session[staff_sessions.CONFIRMED] -= staff_sessions.CONFIRMED_SECONDS
    session.save()
    return client


@pytest.fixture
def at_work(finance: User, phones: Phones) -> Client:
    """The browser of finance, who has an authenticator and has just signed in with it."""
    phones.set_up(finance)
    client = Client()
    give_password(client, finance)
    client.post(CODE, {"code": phones.next_code(finance)})
    assert is_in(client)
    return client


def test_nobody_is_signed_in_before_the_code(finance: User, phones: Phones) -> None:
    phones.set_up(finance)
    client = Client()
    response = give_password(client, finance)
    assert response["Location"] == f"{CODE}?next={AUDIT}"
    assert not is_in(client)
    assert "logged_in" not in actions()
    wrong = client.post(response["Location"], {"code": "000000"})
    assert "Enter the code that the app shows now" in wrong.content.decode()
    assert not is_in(client)
    Authenticator.objects.update(throttling_failure_count=0)
    right = client.post(response["Location"], {"code": phones.next_code(finance)})
    assert right["Location"] == AUDIT
    assert is_in(client)
    assert actions() == ["second_factor_enrolled", "second_factor_failed", "logged_in"]


def test_codes_are_throttled_in_plain_words(finance: User, phones: Phones) -> None:
    phones.set_up(finance)
    client = Client()
    give_password(client, finance)
    for _ in range(2):
        page = client.post(CODE, {"code": "000000"})
    assert "Too many wrong codes. Try again in 1 second." in page.content.decode()


def test_recovery_code_opens_the_door(finance: User, phones: Phones) -> None:
    recovery = phones.set_up(finance)[0]
    client = Client()
    give_password(client, finance)
    assert "Recovery code" in client.get(f"{CODE}?recovery").content.decode()
    client.post(f"{CODE}?recovery", {"code": recovery})
    assert is_in(client)
    assert recovery_codes_left(finance) == 9


def test_code_without_a_password_leads_nowhere(finance: User, phones: Phones) -> None:
    phones.set_up(finance)
    client = Client()
    response = client.post(CODE, {"code": phones.next_code(finance)})
    assert response["Location"].startswith(LOGIN)
    assert not is_in(client)


@pytest.mark.parametrize("change", ["late", "password", "inactive"])
def test_password_that_counts_no_more(
    finance: User, phones: Phones, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    phones.set_up(finance)
    client = Client()
    give_password(client, finance)
    if change == "late":
        monkeypatch.setattr(staff_sessions, "CODE_SECONDS", -1)
    elif change == "password":
        finance.set_password("another-horse-8")
        finance.save()
    else:
        User.objects.filter(pk=finance.pk).update(is_active=False)
    response = client.post(CODE, {"code": phones.next_code(finance)})
    assert response["Location"].startswith(LOGIN)
    assert not is_in(client)


def test_goal_elsewhere_is_ignored(finance: User, phones: Phones) -> None:
    phones.set_up(finance)
    client = Client()
    give_password(client, finance)
    path = f"{CODE}?next=https://evil.example/"
    assert client.post(path, {"code": phones.next_code(finance)})["Location"] == INDEX
    form = {"password": PASSWORD, "code": phones.next_code(finance)}
    assert client.post(f"{CONFIRM}?next=//evil.example", form)["Location"] == OWN


def test_setting_up_takes_a_scan_and_a_code(finance: User, phones: Phones) -> None:
    client, elsewhere = signed_in(finance), signed_in(finance)
    page = client.get(ENROL).content.decode()
    (shown,) = re.findall(r'class="ledger-secret">([A-Z2-7 ]+)<', page)
    secret = b32decode(shown.replace(" ", ""))
    assert 'src="data:image/svg+xml' in page
    wrong = client.post(ENROL, {"code": "000000"})
    assert shown in wrong.content.decode()
    assert not Authenticator.objects.exists()
    done = client.post(ENROL, {"code": phones.code(secret)})
    codes = RECOVERY.findall(done.content.decode())
    assert len(codes) == 10
    assert "no-store" in done["Cache-Control"]
    assert is_in(client)
    again = client.post(ENROL, {"code": phones.code(secret)})  # a double click
    assert again["Location"] == OWN
    assert "10 of 10 recovery codes" in client.get(OWN).content.decode()
    assert elsewhere.get(AUDIT)["Location"] == f"{CODE}?next={AUDIT}"
    assert "Log out" in elsewhere.get(CODE).content.decode()
    elsewhere.post(CODE, {"code": codes[0]})
    assert is_in(elsewhere)
    expected = ["logged_in", "logged_in", "second_factor_enrolled", "recovery_code_used"]
    assert actions() == expected


def test_required_it_is_set_up_before_anything_else(
    finance: User, phones: Phones, settings: Settings
) -> None:
    settings.STAFF_REQUIRE_2FA = True
    client = Client()
    give_password(client, finance)
    led = client.get(AUDIT)["Location"]
    assert led == f"{ENROL}?next={AUDIT}"
    page = client.get(led).content.decode()
    assert "required of staff" in page
    assert AUDIT not in page.replace(f"next={AUDIT}", "")  # no sidebar yet
    (shown,) = re.findall(r'class="ledger-secret">([A-Z2-7 ]+)<', page)
    done = client.post(led, {"code": phones.code(b32decode(shown.replace(" ", "")))})
    assert f'href="{AUDIT}"' in done.content.decode()
    assert is_in(client)


@pytest.mark.parametrize("path", [ENROL, CODES, OFF])
def test_unlocked_screen_is_not_enough(at_work: Client, path: str, phones: Phones) -> None:
    assert at_work.get(path).status_code == 200
    stale(at_work)
    for response in (at_work.get(path), at_work.post(path, {"confirmed": "True"})):
        assert response["Location"] == f"{CONFIRM}?next={path}"
    finance = User.objects.get(username="finance")
    for password, code in (("wrong", phones.next_code(finance)), (PASSWORD, "000000")):
        form = {"password": password, "code": code}
        assert at_work.post(f"{CONFIRM}?next={path}", form).status_code == 200
    assert actions()[-2:] == ["login_failed", "second_factor_failed"]
    Authenticator.objects.update(throttling_failure_count=0)
    form = {"password": PASSWORD, "code": phones.next_code(finance)}
    assert at_work.post(f"{CONFIRM}?next={path}", form)["Location"] == path
    assert at_work.get(path).status_code == 200


def test_new_recovery_codes_end_the_old_ones(at_work: Client) -> None:
    before = set(RecoveryCode.objects.values_list("code_hash", flat=True))
    form = {"newest": at_work.get(CODES).context["form"]["newest"].value()}
    codes = RECOVERY.findall(at_work.post(CODES, form).content.decode())
    after = set(RecoveryCode.objects.values_list("code_hash", flat=True))
    assert (len(codes), len(after), before & after) == (10, 10, set())
    assert actions()[-1] == "recovery_codes_renewed"
    again = at_work.post(CODES, form, follow=True)  # a double click: those shown stay good
    assert again.redirect_chain == [(OWN, 302)]
    assert "New recovery codes were made a moment ago" in again.content.decode()
    assert set(RecoveryCode.objects.values_list("code_hash", flat=True)) == after


@pytest.mark.parametrize(
    ("path", "back"), [(ENROL, OWN), (CODES, OWN), (OFF, OWN), (CONFIRM, INDEX)]
)
def test_each_form_can_be_left(at_work: Client, path: str, back: str) -> None:
    page = at_work.get(path)
    assert page.context["back"] == back
    assert "Back without doing it" in page.content.decode()


def test_turned_off_the_password_is_enough_and_other_sessions_end(
    at_work: Client, finance: User, phones: Phones
) -> None:
    other = Client()
    give_password(other, finance)
    other.post(CODE, {"code": phones.next_code(finance)})
    assert at_work.post(OFF, {"confirmed": "True"})["Location"] == OWN
    assert is_in(at_work)
    assert other.get(AUDIT)["Location"] == f"{LOGIN}?next={AUDIT}"
    assert actions()[-2:] == ["second_factor_disabled", "logged_out"]
    client = Client()
    assert give_password(client, finance)["Location"] == AUDIT


def test_required_it_can_not_be_turned_off(at_work: Client, settings: Settings) -> None:
    settings.STAFF_REQUIRE_2FA = True
    assert OFF not in at_work.get(OWN).content.decode()
    assert at_work.post(OFF, {"confirmed": "True"})["Location"] == OWN
    assert Authenticator.objects.exists()


def test_admin_resets_a_colleague(at_work: Client, finance: User, admin: User) -> None:
    page = reverse("admin:users_user_account", args=[finance.pk])
    reset = reverse("admin:users_user_reset_second_factor", args=[finance.pk])
    client = signed_in(admin)
    assert f'href="{reset}"' in client.get(page).content.decode()
    assert stale(client).post(reset, {"confirmed": "True"})["Location"].startswith(CONFIRM)
    client.post(CONFIRM, {"password": PASSWORD})
    assert client.post(reset, {"confirmed": "True"})["Location"] == page
    assert not Authenticator.objects.exists()
    row = AuditLog.objects.get(action="user.second_factor_reset")
    assert (row.actor_name, row.entity_id) == ("admin", str(finance.pk))
    assert at_work.get(AUDIT)["Location"] == f"{LOGIN}?next={AUDIT}"


@pytest.mark.parametrize("page", ["auth_user_password_change", "users_apikey_add"])
def test_unlocked_screen_is_not_enough_to_act_as_somebody_else(
    finance: User, admin: User, page: str
) -> None:
    """Neither by a password of theirs nor by a key, which no second person approves."""
    args = [finance.pk] if page == "auth_user_password_change" else []
    path, client = reverse(f"admin:{page}", args=args), stale(signed_in(admin))
    new = {"password1": "another-horse-8", "password2": "another-horse-8"}
    key = {"key_prefix": "ll_abcdefgh", "username": "finance", "name": "x", "scopes": ["withdraw"]}
    assert client.post(path, {**new, **key})["Location"] == f"{CONFIRM}?next={path}"
    assert User.objects.get(pk=finance.pk).check_password(PASSWORD)
    assert not ApiKey.objects.exists()
    client.post(CONFIRM, {"password": PASSWORD})
    assert client.get(path).status_code == 200


def test_who_may_not_reset(at_work: Client, admin: User, finance: User, phones: Phones) -> None:
    root = make_user("root", Role.ADMIN, is_superuser=True)
    for user in (root, admin):
        phones.set_up(user)
    client = Client()
    give_password(client, admin)
    client.post(CODE, {"code": phones.next_code(admin)})
    answers = {}
    for who, browser in (("admin", client), ("finance", at_work)):
        for user in (root, admin):
            path = reverse("admin:users_user_reset_second_factor", args=[user.pk])
            answers[who, user.username] = browser.post(path, {"confirmed": "True"}).status_code
    # Admins look after their own like everybody: with a code.
    assert answers == {
        ("admin", "root"): 403,
        ("admin", "admin"): 302,
        ("finance", "root"): 403,
        ("finance", "admin"): 403,
    }
    assert Authenticator.objects.count() == 3


def test_auditor_reads_how_somebody_signs_in_and_is_offered_nothing(
    at_work: Client, finance: User, auditor: User
) -> None:
    page = reverse("admin:users_user_account", args=[finance.pk])
    text = signed_in(auditor).get(page).content.decode()
    said = [" ".join(part.split()) for part in re.split("<[^>]*>", text)]
    assert "Signing in" in said
    since = Authenticator.objects.get().created_at.date()
    assert f"on since {since}, 10 recovery codes left" in said
    assert "no" in said  # locked
    for offered in ('second-factor/"', "unlock/", "/password/"):
        assert f"{finance.pk}/{offered}" not in text


def test_no_page_shows_a_secret_again(at_work: Client, finance: User, admin: User) -> None:
    device = Authenticator.objects.get()
    paths = [OWN, AUDIT, reverse("admin:users_user_account", args=[finance.pk])]
    shown = "".join(at_work.get(path).content.decode() for path in paths)
    shown += "".join(signed_in(admin).get(path).content.decode() for path in paths)
    hashes = list(RecoveryCode.objects.values_list("code_hash", flat=True))
    secrets = [device.key, device.bin_key.hex(), *hashes]
    assert [secret for secret in secrets if secret in shown] == []


def test_old_password_can_not_be_guessed_at_an_unlocked_screen(
    finance: User, settings: Settings
) -> None:
    settings.LOGIN_LOCKOUT_FAILURES = 3
    client = signed_in(finance)
    new = {"new_password1": "another-horse-8", "new_password2": "another-horse-8"}
    path = reverse("admin:password_change")
    for _ in range(3):
        client.post(path, {"old_password": "wrong", **new})
    page = client.post(path, {"old_password": PASSWORD, **new})
    assert "Too many sign-ins under this name have failed" in page.content.decode()
    assert User.objects.get(pk=finance.pk).check_password(PASSWORD)
    expected = ["logged_in", "login_failed", "login_failed", "login_locked", "login_failed"]
    assert actions() == expected
