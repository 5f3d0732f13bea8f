"""Too many requests are refused, with the time to wait, and no trick makes them fewer."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.cache import caches
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from ledgerlink.rates import rates, rates_by_limit
from tests.api.client import (
    API,
    CURRENT,
    DEPOSIT,
    TRANSACTIONS,
    TRANSFER,
    WITHDRAW,
    Api,
    assert_problem,
    books,
)
from tests.books import PASSWORD, fund, make_user
from tests.rate_clock import RateClock
from users.actors import Actor
from users.api_keys import create_api_key
from users.models import User
from users.roles import Role, Scope

LOGIN = f"{API}/auth/login"
REGISTER = f"{API}/auth/register"
USERS = f"{API}/users"
WRONG = "wrong"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> RateClock:
    return RateClock(monkeypatch)


@pytest.fixture(autouse=True)
def shipped_limits(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for limit in settings.RATELIMITS:
        monkeypatch.setenv(f"RATELIMIT_{limit.upper()}", "")
    settings.RATELIMITS = rates_by_limit()
    settings.RATELIMIT_ENABLE = True
    settings.SELF_SERVICE_FUNDING = True
    settings.LOGIN_LOCKOUT_FAILURES = 1_000  # another matter
    _forget_counts(settings)
    yield
    _forget_counts(settings)


def _forget_counts(settings: Settings) -> None:
    caches["default" if settings.REDIS_HOST else "rate_limits"].clear()


def login(name: str = "alice", password: str = WRONG, **environ: Any) -> HttpResponse:
    """From a client of its own: a new connection. `environ` are WSGI variables."""
    return Api().send("POST", LOGIN, {"username": name, "password": password}, **environ)


def at(number: int) -> dict[str, Any]:
    """An address."""
    return {"REMOTE_ADDR": f"203.0.113.{number}"}


def assert_limited(response: HttpResponse) -> None:
    assert_problem(response, 429, "rate_limited")
    assert response["Retry-After"] == response["RateLimit-Reset"]
    assert response["RateLimit-Remaining"] == "0"
    assert int(response["Retry-After"]) >= 1


def test_headers_tell_what_is_left(as_alice: Api) -> None:
    seen = [as_alice.get(CURRENT) for _ in range(3)]
    assert [one["RateLimit-Limit"] for one in seen] == ["600"] * 3
    assert [one["RateLimit-Remaining"] for one in seen] == ["599", "598", "597"]
    assert all(1 <= int(one["RateLimit-Reset"]) <= 60 for one in seen)
    assert not any(one.has_header("Retry-After") for one in seen)


def test_headers_are_on_refusals_too(as_alice: Api) -> None:
    refused = [
        as_alice.post(TRANSFER, {}),
        as_alice.post(TRANSFER, b"{"),
        as_alice.post(WITHDRAW, {"amount": "1.00"}),
    ]
    assert [one.status_code for one in refused] == [400, 400, 422]
    assert [one["RateLimit-Remaining"] for one in refused] == ["9", "8", "7"]


def test_what_moves_money_is_counted_together(as_alice: Api, bob: User) -> None:
    body = {"amount": "1.00"}
    for path in (DEPOSIT, WITHDRAW, f"{TRANSACTIONS}/batch"):
        as_alice.post(path, body)
    for _ in range(7):
        assert as_alice.post(DEPOSIT, body).status_code == 201
    stored = books()
    assert_limited(as_alice.post(TRANSFER, {"to_user_id": bob.pk, **body}))
    assert_limited(as_alice.post(DEPOSIT, body))
    assert books() == stored
    assert as_alice.get(CURRENT).status_code == 200


def test_refusal_ends_with_the_time_it_names(as_alice: Api, clock: RateClock) -> None:
    answers = [as_alice.post(DEPOSIT, {"amount": "1.00"}, key="k") for _ in range(11)]
    assert [one.status_code for one in answers] == [201] * 10 + [429]
    clock.advance(int(answers[-1]["Retry-After"]))
    again = as_alice.post(DEPOSIT, {"amount": "1.00"}, key="k")
    assert again.status_code == 201
    assert again["Idempotent-Replayed"] == "true"


def test_one_users_requests_do_not_count_for_another(as_alice: Api, as_bob: Api) -> None:
    for _ in range(11):
        as_alice.post(DEPOSIT, {"amount": "1.00"})
    assert as_bob.post(DEPOSIT, {"amount": "1.00"}).status_code == 201


def test_new_connection_token_or_address_does_not_help(alice: User) -> None:
    def deposit(number: int) -> int:
        sent = Api(alice).send("POST", DEPOSIT, {"amount": "1.00"}, **at(number))
        return sent.status_code

    assert [deposit(number) for number in range(11)] == [201] * 10 + [429]


def test_api_keys_of_a_user_share_the_users_count(finance: User, settings: Settings) -> None:
    settings.RATELIMITS |= {"read": rates("", "3/m")}
    callers = [Api(finance), Api(), Api()]
    for api in callers[1:]:
        new = create_api_key(
            user_id=finance.pk, name="key", scopes=[Scope.READ], by=Actor.of(finance)
        )
        api.headers["Authorization"] = f"Api-Key {new.text}"
    assert [api.get(CURRENT).status_code for api in callers] == [200] * 3
    for api in callers:
        assert_limited(api.get(CURRENT))


def test_trusted_backend_has_the_rate_of_its_role(as_finance: Api, as_admin: Api) -> None:
    for api in (as_finance, as_admin):
        assert api.post(DEPOSIT, {"amount": "1.00"})["RateLimit-Limit"] == "600"


def test_logins_are_limited_by_address() -> None:
    make_user("alice")
    answers = [login(f"name{number}") for number in range(6)]
    assert [one.status_code for one in answers] == [401] * 5 + [429]
    assert_limited(answers[-1])
    assert_limited(login("alice", PASSWORD))
    assert login("alice", PASSWORD, **at(1)).status_code == 200


@pytest.mark.parametrize("header", ["HTTP_X_FORWARDED_FOR", "HTTP_X_REAL_IP", "HTTP_FORWARDED"])
def test_forwarded_address_of_a_stranger_does_not_help(header: str, settings: Settings) -> None:
    for proxies in ([], ["10.0.0.0/24"]):
        settings.TRUSTED_PROXIES = proxies
        _forget_counts(settings)
        answers = [login(f"{n}", **at(1), **{header: f"198.51.100.{n}"}) for n in range(6)]
        assert [one.status_code for one in answers] == [401] * 5 + [429]


def test_forwarded_address_that_a_client_makes_up_behind_the_proxy_does_not_help(
    settings: Settings,
) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/24"]

    def forwarded(number: int, client: str) -> int:
        chain = f"198.51.100.{number}, {client}"
        return login(f"{number}", REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR=chain).status_code

    assert [forwarded(number, "203.0.113.9") for number in range(6)] == [401] * 5 + [429]
    assert forwarded(6, "203.0.113.8") == 401


def test_addresses_of_one_ipv6_network_are_one_client() -> None:
    answers = [login(f"{n}", REMOTE_ADDR=f"2001:db8:0:1:{n}::{n}") for n in range(6)]
    assert [one.status_code for one in answers] == [401] * 5 + [429]
    assert login("x", REMOTE_ADDR="2001:db8:0:2::1").status_code == 401


def test_account_is_limited_whatever_the_address_and_whether_it_exists() -> None:
    make_user("alice")
    seen = []
    for name in ("alice", "nobody"):
        answers = [login(name, **at(number)) for number in range(21)]
        assert [one.status_code for one in answers] == [401] * 20 + [429]
        assert_limited(answers[-1])
        last = answers[-1].headers
        seen.append([last["RateLimit-Limit"], *sorted(set(last) - {"X-Request-ID", "X-Trace-ID"})])
        body = {"email": f" {name.upper()} ", "password": PASSWORD}
        assert_limited(Api().send("POST", LOGIN, body, **at(99)))
    assert seen[0] == seen[1]
    assert seen[0][0] == "20"


def test_strangers_do_not_keep_the_owner_out() -> None:
    make_user("alice")
    assert login("alice", PASSWORD, **at(200)).status_code == 200
    for number in range(25):
        login("alice", **at(number))
    assert_limited(login("alice", PASSWORD, **at(99)))
    assert login("alice", PASSWORD, **at(200)).status_code == 200


def test_account_opens_again_after_the_hour(clock: RateClock) -> None:
    make_user("alice")
    for number in range(25):
        login("alice", **at(number))
    clock.advance(3600)
    assert login("alice", PASSWORD, **at(99)).status_code == 200


def test_wrong_password_makes_no_address_a_known_one() -> None:
    make_user("alice")
    for number in range(21):
        login("alice", **at(number % 7))
    assert_limited(login("alice", PASSWORD, **at(1)))


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'"alice"', b'{"username": 5}', b'{"username": ["alice"]}']
)
def test_login_that_can_not_be_read_is_counted(body: bytes) -> None:
    answers = [Api().post(LOGIN, body) for _ in range(6)]
    assert [one.status_code for one in answers] == [400] * 5 + [429]


def test_login_that_wants_another_answer_is_counted() -> None:
    html = {"Accept": "text/html"}
    answers = [Api().post(LOGIN, b"{", headers=html) for _ in range(6)]
    assert [one.status_code for one in answers] == [406] * 5 + [429]


def test_registrations_are_limited_and_new_users_open_no_door() -> None:
    def register(number: int, path: str, token: str | None = None) -> HttpResponse:
        name = f"user{number}"
        body = {"username": name, "email": f"{name}@example.com", "password": "correct-horse-7"}
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        return Api().post(path, body, headers=headers)

    first = register(1, REGISTER)
    token = first.json()["access"]  # type: ignore[attr-defined] # the test client's
    assert register(2, USERS).status_code == 201
    assert register(3, REGISTER, token).status_code == 201
    for path in (USERS, REGISTER):
        assert_limited(register(4, path, token))
    assert User.objects.count() == 3


def test_admin_may_make_many_users(as_admin: Api) -> None:
    for number in range(5):
        name = f"user{number}"
        body = {"username": name, "email": f"{name}@example.com", "password": "correct-horse-7"}
        assert as_admin.post(USERS, body).status_code == 201


def test_password_can_not_be_guessed_by_changing_it(as_alice: Api) -> None:
    body = {"current_password": "wrong", "new_password": "correct-horse-8"}
    answers = [as_alice.post(f"{API}/auth/password", body) for _ in range(6)]
    assert [one.status_code == 429 for one in answers] == [False] * 5 + [True]


@pytest.mark.parametrize("sent", ["Bearer a.b.c", f"Api-Key ll_abcdefgh_{'x' * 43}", None])
def test_who_is_not_signed_in_is_counted_by_address(sent: str | None, settings: Settings) -> None:
    settings.RATELIMITS |= {"read": rates("", "3/m")}
    api = Api()
    if sent:
        api.headers["Authorization"] = sent
    answers = [api.get(CURRENT) for _ in range(4)]
    assert [one.status_code for one in answers] == [401, 401, 401, 429]
    assert [one["RateLimit-Remaining"] for one in answers] == ["2", "1", "0", "0"]
    assert not answers[-1].has_header("WWW-Authenticate")


def test_key_without_the_scope_is_counted(finance: User, settings: Settings) -> None:
    settings.RATELIMITS |= {"read": rates("", "3/m")}
    new = create_api_key(user_id=finance.pk, name="k", scopes=["deposit"], by=Actor.of(finance))
    api = Api()
    api.headers["Authorization"] = f"Api-Key {new.text}"
    assert [api.get(CURRENT).status_code for _ in range(4)] == [403, 403, 403, 429]


def test_movement_with_a_rate_of_its_own_is_counted_by_itself(
    as_alice: Api, settings: Settings
) -> None:
    settings.RATELIMITS |= {"withdraw": rates("", "1/m")}
    assert as_alice.post(WITHDRAW, {"amount": "1.00"}).status_code == 422
    assert_limited(as_alice.post(WITHDRAW, {"amount": "1.00"}))
    assert as_alice.post(DEPOSIT, {"amount": "1.00"})["RateLimit-Remaining"] == "9"


def test_health_is_never_counted() -> None:
    answers = [Client().get(f"{API}/health") for _ in range(3)]
    assert not any(one.has_header("RateLimit-Limit") for one in answers)


def test_limits_can_be_turned_off(as_alice: Api, settings: Settings) -> None:
    settings.RATELIMIT_ENABLE = False
    answers = [as_alice.post(DEPOSIT, {"amount": "1.00"}) for _ in range(12)]
    assert {one.status_code for one in answers} == {201}
    assert not any(one.has_header("RateLimit-Limit") for one in answers)


def test_back_office_login_is_limited_together_with_the_apis() -> None:
    make_user("auditor", Role.AUDITOR)

    def sign_in(password: str, number: int = 1) -> HttpResponse:
        client: Any = Client()
        form = {"username": "auditor", "password": password}
        response: HttpResponse = client.post(reverse("admin:login"), form, **at(number))
        return response

    assert [sign_in(WRONG).status_code for _ in range(3)] == [200] * 3
    assert [login(**at(1)).status_code for _ in range(2)] == [401] * 2
    refused = sign_in(PASSWORD)
    assert refused.status_code == 429
    assert int(refused["Retry-After"]) >= 1
    assert "Too many requests. Try again in" in refused.content.decode()
    assert sign_in(PASSWORD, 2).status_code == 302
    for number in range(3, 30):
        sign_in(WRONG, number)
    assert sign_in(PASSWORD, 30).status_code == 429
    assert sign_in(PASSWORD, 2).status_code == 302


def test_one_count_is_kept_for_a_batch(as_alice: Api, alice: User, bob: User) -> None:
    fund(alice, "10.00")
    item = {"type": "transfer", "to_user_id": bob.pk, "amount": "0.10"}
    body = {"mode": "independent", "transactions": [item] * 20}
    answer = as_alice.post(f"{TRANSACTIONS}/batch", body)
    assert answer.status_code == 200
    assert answer["RateLimit-Remaining"] == "9"
