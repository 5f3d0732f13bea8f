"""`Authorization: Api-Key …`: whose request it is, when it is refused, and what it costs."""

from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from functools import partial
from typing import Any

import pytest
from django.db import connection
from django.db.transaction import atomic
from django.utils import timezone

from audit.models import AuditLog
from tests.api.client import API, CURRENT, DEPOSIT, TRANSFER, Api, assert_problem, body_of
from tests.books import SYSTEM, fund, make_user
from tests.concurrency import eventually, in_background
from users import key_usage
from users.api_keys import NewApiKey, create_api_key, revoke_api_key
from users.identity import current_user, forget_all
from users.models import ApiKey, User
from users.roles import Role, Scope

ME = f"{API}/users/me"
EVERY = list(Scope.values)
UNKNOWN = "ll_aaaaaaaa_" + "x" * 43

pytestmark = pytest.mark.django_db


def made_for(user: User, scopes: list[str] = EVERY, **fields: Any) -> NewApiKey:
    return create_api_key(user_id=user.pk, name="shop", scopes=scopes, by=SYSTEM, **fields)


def with_key(text: str, scheme: str = "Api-Key") -> Api:
    api = Api()
    api.headers["Authorization"] = f"{scheme} {text}"
    return api


@pytest.mark.parametrize("scheme", ["Api-Key", "api-key", "API-KEY"])
def test_request_is_made_as_the_user_of_the_key(alice: User, scheme: str) -> None:
    response = with_key(made_for(alice).text, scheme).get(ME)
    assert body_of(response)["id"] == alice.pk


def refused(text: str) -> Any:
    response = with_key(text).get(ME)
    problem = assert_problem(response, 401, "invalid_api_key")
    assert response["WWW-Authenticate"] == 'Bearer realm="api"'
    return {**problem, "request_id": ""}


def test_answer_does_not_tell_why_a_key_is_refused(alice: User, bob: User) -> None:
    past = timezone.now() - timedelta(minutes=1)
    expired, revoked, orphan, good = (made_for(u) for u in (alice, alice, bob, alice))
    ApiKey.objects.filter(pk=expired.key.pk).update(created_at=past, expires_at=past)
    ApiKey.objects.filter(pk=revoked.key.pk).update(revoked_at=past)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    wrong_secret = f"{good.key.prefix}_{'x' * 43}"
    everyone = [expired.text, revoked.text, orphan.text, wrong_secret]
    assert [refused(text) for text in everyone] == [refused(UNKNOWN)] * 4


@pytest.mark.parametrize(
    "text",
    [
        "",
        " ",
        "x",
        "ll_",
        UNKNOWN[:-1],
        UNKNOWN + "x",
        UNKNOWN.upper(),
        "\xe9" * 55,
        UNKNOWN + " x",
    ],
)
def test_nonsense_is_refused_without_asking_the_database(
    db: None, text: str, django_assert_num_queries: Any
) -> None:
    with django_assert_num_queries(0):
        assert refused(text)["code"] == "invalid_api_key"


def test_key_is_no_token_and_no_password(alice: User) -> None:
    text = made_for(alice).text
    problem = assert_problem(with_key(text, "Bearer").get(ME), 401, "invalid_token")
    assert problem["detail"] == "Send API keys as `Authorization: Api-Key …`."
    problem = assert_problem(with_key("a.b.c", "Bearer").get(ME), 401, "invalid_token")
    assert problem["detail"] == "The token is invalid or expired."
    login = {"username": "alice", "password": text}
    assert_problem(Api().post(f"{API}/auth/login", login), 401, "invalid_credentials")


def test_key_expires_while_it_is_remembered(alice: User) -> None:
    new = made_for(alice, expires_at=timezone.now() + timedelta(seconds=0.3))
    api = with_key(new.text)
    assert api.get(ME).status_code == 200
    eventually(lambda: api.get(ME).status_code == 401)


def test_remembered_key_costs_no_query(alice: User, django_assert_num_queries: Any) -> None:
    api = with_key(made_for(alice).text)
    api.get(CURRENT)
    with django_assert_num_queries(0):  # it is refused once it is known who asks
        assert api.get(f"{CURRENT}?unknown=1").status_code == 400


@pytest.mark.django_db(transaction=True)
def test_revocation_and_deactivation_count_at_once_in_this_process() -> None:
    alice, admin = make_user("alice"), Api(make_user("admin", Role.ADMIN))
    first, second = made_for(alice), made_for(alice)
    assert with_key(first.text).get(ME).status_code == 200
    assert admin.send("DELETE", f"{API}/api-keys/{first.key.pk}").status_code == 204
    refused(first.text)
    assert with_key(second.text).get(ME).status_code == 200
    admin.send("PATCH", f"{API}/users/{alice.pk}", {"is_active": False})
    refused(second.text)


@pytest.mark.django_db(transaction=True)
def test_both_keys_work_during_the_overlap_of_a_rotation() -> None:
    alice, admin = make_user("alice"), Api(make_user("admin", Role.ADMIN))
    old = made_for(alice)
    path = f"{API}/api-keys/{old.key.pk}/rotate"
    new = body_of(admin.post(path, {"overlap_seconds": 1}))["key"]
    assert with_key(new).get(ME).status_code == 200
    assert with_key(old.text).get(ME).status_code == 200
    eventually(lambda: with_key(old.text).get(ME).status_code == 401)
    assert with_key(new).get(ME).status_code == 200


def test_revocation_elsewhere_counts_when_the_memory_ends(alice: User, settings: Any) -> None:
    settings.IDENTITY_CACHE_SECONDS = 0
    new = made_for(alice)
    assert with_key(new.text).get(ME).status_code == 200
    ApiKey.objects.filter(pk=new.key.pk).update(revoked_at=timezone.now())
    refused(new.text)


def test_trail_tells_which_key_moved_money(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    new = made_for(alice)
    with_key(new.text).post(TRANSFER, {"to_user_id": bob.pk, "amount": "1.00"})
    record = AuditLog.objects.latest("pk")
    assert record.actor_name == f"alice (key {new.key.prefix})"
    assert record.actor_id == str(alice.pk)


def test_trail_keeps_the_key_of_a_user_with_a_long_name() -> None:
    user = make_user("x" * 50)
    new = made_for(user)
    with_key(new.text).post(DEPOSIT, {"amount": "1.00"})
    name = AuditLog.objects.latest("pk").actor_name
    assert name == "x" * 46 + f" (key {new.key.prefix})"


def test_signed_in_user_is_not_taken_for_the_key(alice: User) -> None:
    """The user that requests share does not carry the key of one of them."""
    with_key(made_for(alice).text).get(ME)
    remembered = current_user(alice.pk)
    assert remembered is not None
    assert remembered.shown_key is None
    Api(alice).post(DEPOSIT, {"amount": "1.00"})
    assert AuditLog.objects.latest("pk").actor_name == "alice"


def test_idempotency_keys_are_the_users_whatever_they_sign_in_with(alice: User) -> None:
    callers = [with_key(made_for(alice).text), with_key(made_for(alice).text), Api(alice)]
    answers = [api.post(DEPOSIT, {"amount": "1.00"}, key="invoice-7") for api in callers]
    assert [answer.status_code for answer in answers] == [201, 201, 201]
    assert answers[0].content == answers[1].content == answers[2].content
    assert answers[2]["Idempotent-Replayed"] == "true"


def test_missing_scope_is_named_before_anything_is_looked_up(
    alice: User, django_assert_num_queries: Any
) -> None:
    api = with_key(made_for(alice, ["read"]).text)
    api.get(CURRENT)
    with django_assert_num_queries(0):
        problem = assert_problem(api.post(TRANSFER, b"nonsense"), 403, "insufficient_scope")
    assert "`transfer`" in problem["detail"]


def test_batch_needs_the_scope_of_each_movement_in_it(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    api = with_key(made_for(alice, ["batch", "transfer"]).text)
    sent = {"type": "transfer", "to_user_id": bob.pk, "amount": "1.00"}
    taken = {"type": "deposit", "amount": "1000.00"}
    path = f"{API}/transactions/batch"
    assert api.post(path, {"transactions": [sent]}).status_code == 200
    response = api.post(path, {"transactions": [sent, taken]})
    assert_problem(response, 403, "insufficient_scope")
    alone = with_key(made_for(alice, ["transfer", "deposit"]).text)
    assert_problem(alone.post(path, {"transactions": [sent]}), 403, "insufficient_scope")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("POST", "users"),
        ("POST", "auth/register"),
        ("POST", "auth/password"),
        ("GET", "api-keys"),
        ("POST", "api-keys"),
        ("OPTIONS", "users/me"),
    ],
)
def test_what_is_for_people_refuses_every_key(admin: User, method: str, path: str) -> None:
    response = with_key(made_for(admin).text).send(method, f"{API}/{path}", {})
    assert_problem(response, 403, "api_key_not_accepted")


def test_wrong_method_is_told_as_to_everybody(alice: User) -> None:
    api = with_key(made_for(alice).text)
    assert_problem(api.send("PUT", TRANSFER, {}), 405, "method_not_allowed")


def test_head_needs_the_scope_of_get(alice: User) -> None:
    for scopes, status in ((["read"], 200), (["transfer"], 403)):
        api = with_key(made_for(alice, scopes).text)
        assert api.send("HEAD", CURRENT).status_code == status


def test_role_of_the_user_decides_what_scopes_can_do(alice: User, bob: User) -> None:
    api = with_key(made_for(alice).text)
    assert_problem(api.get(f"{API}/users"), 403, "permission_denied")
    assert_problem(api.get(CURRENT, user_id=bob.pk), 403, "permission_denied")
    alice.role = Role.FINANCE
    alice.save()
    forget_all()
    assert api.get(CURRENT, user_id=bob.pk).status_code == 200


def test_last_use_is_noted_at_most_once_a_minute(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = made_for(alice)
    written: list[Any] = []
    monkeypatch.setattr(key_usage, "in_background", written.append)
    for _ in range(5):
        with_key(new.text).get(ME)
    assert len(written) == 1
    written[0]()
    new.key.refresh_from_db()
    first = new.key.last_used_at
    assert first is not None
    key_usage.write_use(new.key.pk, first + timedelta(seconds=59))  # another process
    new.key.refresh_from_db()
    assert new.key.last_used_at == first
    key_usage.write_use(new.key.pk, first + timedelta(seconds=60))
    new.key.refresh_from_db()
    assert new.key.last_used_at == first + timedelta(seconds=60)


def test_refused_key_leaves_no_use(alice: User) -> None:
    new = made_for(alice)
    revoke_api_key(key_id=new.key.pk, by=SYSTEM)
    forget_all()
    refused(new.text)
    new.key.refresh_from_db()
    assert new.key.last_used_at is None


@pytest.fixture
def truly_in_background(monkeypatch: pytest.MonkeyPatch, transactional_db: None) -> Any:
    with ThreadPoolExecutor(1) as pool:
        monkeypatch.setattr(key_usage, "_pool", pool)
        monkeypatch.setattr(key_usage, "in_background", IN_BACKGROUND)
        yield pool


IN_BACKGROUND = key_usage.in_background


def test_no_request_waits_for_the_note_of_its_use(truly_in_background: Any) -> None:
    """While somebody else holds the key's row, and on SQLite the whole database."""
    new = made_for(make_user("alice"))
    with in_background() as start:
        with atomic():
            ApiKey.objects.filter(pk=new.key.pk).update(name="held")
            answered = start(partial(with_key(new.text).get, CURRENT))
            done, _ = wait([answered], timeout=3)
            assert done == {answered}
            assert answered.result().status_code == 200
        eventually(lambda: ApiKey.objects.get().last_used_at is not None)


def test_use_that_can_not_be_noted_is_only_logged(
    alice: User, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    monkeypatch.setattr(connection, "close", lambda: None)
    monkeypatch.setattr(key_usage, "_pool", InTheCallingThread())

    def broken() -> None:
        with connection.cursor() as cursor, atomic():
            cursor.execute("SELECT nothing FROM nowhere")

    IN_BACKGROUND(broken)
    assert "the use of an API key was not noted" in caplog.text


class InTheCallingThread:
    def submit(self, call: Any) -> None:
        call()


def test_key_is_in_no_log_and_no_error(alice: User, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    new = made_for(alice, ["read"])
    secret = new.text.removeprefix(new.key.prefix)
    responses = [
        with_key(new.text).get(ME),
        with_key(new.text).post(TRANSFER, {}),
        with_key(new.text + "x").get(ME),
        with_key(f"{new.text[:-1]}x").get(ME),
    ]
    assert [response.status_code for response in responses] == [200, 403, 401, 401]
    assert secret not in "".join(response.content.decode() for response in responses)
    assert secret not in caplog.text
