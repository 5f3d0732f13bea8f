"""Who may call what: every route of the API, every method, every kind of caller.

The calls are about Alice, who owns; the stranger is Charlie. TABLE is what each caller is answered,
SENT what is sent. A route that is in neither fails `test_every_route_is_in_the_table`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import pytest
from django.db import connection
from django.db.transaction import atomic, set_rollback
from django.http import HttpResponse
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, get_resolver, reverse

from balances.cache import balance_cache
from balances.enums import BalanceStatus
from tests.api.client import Api, body_of, with_key
from tests.books import PASSWORD, SYSTEM, fund, make_user, post_one, transfer
from transactions.approvals import request_approval
from transactions.asked import Freeze
from users.actors import Actor
from users.api_keys import create_api_key
from users.identity import forget_all
from users.key_usage import forget_uses
from users.models import ApiKey, User
from users.roles import Role, Scope
from users.scopes import SCOPES
from users.tokens import issue

Route = tuple[str, str]  # method, name in urls.py

PEOPLE = (
    "anonymous",
    "owner",  # Alice
    "stranger",  # Charlie
    "auditor",
    "finance",
    "admin",
    "key",  # Alice's, with nothing but the scope that is needed
    "admin's key",  # with every scope
    "scopeless",  # the admin's key, with every scope but the one that is needed
)

# fmt: off
TABLE: dict[Route, tuple[int, ...]] = {
    #                                     anon own  strn audt fin  adm  key  adm' scopeless
    ("GET",    "health"):                (200, 200, 200, 200, 200, 200, 200, 200, 200),
    ("GET",    "health-ready"):          (200, 200, 200, 200, 200, 200, 200, 200, 200),

    ("GET",    "schema"):                (200, 200, 200, 200, 200, 200, 200, 200, 200),
    ("GET",    "schema-yaml"):           (200, 200, 200, 200, 200, 200, 200, 200, 200),
    ("GET",    "docs"):                  (200, 200, 200, 200, 200, 200, 200, 200, 200),
    ("GET",    "redoc"):                 (200, 200, 200, 200, 200, 200, 200, 200, 200),

    ("POST",   "auth-register"):         (201, 201, 201, 201, 201, 201, 403, 403, 403),
    ("POST",   "auth-login"):            (200, 200, 200, 200, 200, 200, 200, 200, 200),
    ("POST",   "auth-refresh"):          (200, 200, 200, 200, 200, 200, 200, 200, 200),
    ("POST",   "auth-logout"):           (204, 204, 204, 204, 204, 204, 204, 204, 204),
    ("POST",   "auth-password"):         (401, 204, 204, 204, 204, 204, 403, 403, 403),

    ("GET",    "user-list"):             (401, 403, 403, 200, 200, 200, 403, 200, 403),
    ("POST",   "user-list"):             (201, 201, 201, 201, 201, 201, 403, 403, 403),
    ("GET",    "user-me"):               (401, 200, 200, 200, 200, 200, 200, 200, 403),
    ("GET",    "user-detail"):           (401, 200, 404, 200, 200, 200, 200, 200, 403),
    ("PUT",    "user-detail"):           (401, 200, 404, 403, 403, 200, 403, 403, 403),
    ("PATCH",  "user-detail"):           (401, 200, 404, 403, 403, 200, 403, 403, 403),
    ("DELETE", "user-detail"):           (401, 204, 404, 403, 403, 204, 403, 403, 403),

    ("GET",    "api-key-list"):          (401, 403, 403, 403, 403, 200, 403, 403, 403),
    ("POST",   "api-key-list"):          (401, 403, 403, 403, 403, 201, 403, 403, 403),
    ("GET",    "api-key-detail"):        (401, 403, 403, 403, 403, 200, 403, 403, 403),
    ("DELETE", "api-key-detail"):        (401, 403, 403, 403, 403, 204, 403, 403, 403),
    ("POST",   "api-key-rotate"):        (401, 403, 403, 403, 403, 201, 403, 403, 403),

    ("GET",    "balance-current"):       (401, 200, 403, 200, 200, 200, 200, 200, 403),
    ("GET",    "balance-statement"):     (401, 200, 403, 200, 200, 200, 200, 200, 403),
    ("GET",    "balance-history"):       (401, 200, 403, 200, 200, 200, 200, 200, 403),

    ("GET",    "transaction-list"):      (401, 200, 403, 200, 200, 200, 200, 200, 403),
    ("GET",    "transaction-detail"):    (401, 200, 404, 200, 200, 200, 200, 200, 403),
    ("POST",   "transaction-transfer"):  (401, 201, 403, 403, 201, 201, 201, 201, 403),
    ("POST",   "transaction-deposit"):   (401, 201, 403, 403, 201, 201, 201, 201, 403),
    ("POST",   "transaction-withdraw"):  (401, 201, 403, 403, 201, 201, 201, 201, 403),
    ("POST",   "transaction-batch"):     (401, 200, 403, 403, 200, 200, 200, 200, 403),
    ("POST",   "transaction-capture"):   (401, 200, 404, 403, 200, 200, 200, 200, 403),
    ("POST",   "transaction-cancel"):    (401, 403, 404, 403, 200, 200, 403, 200, 403),
    # One person alone reverses what they received; for others it takes an approval, or a key.
    ("POST",   "transaction-reverse"):   (401, 201, 404, 403, 403, 403, 201, 201, 403),

    ("GET",    "approval-list"):         (401, 403, 403, 200, 200, 200, 403, 200, 403),
    ("POST",   "approval-list"):         (401, 403, 403, 403, 201, 201, 403, 403, 403),
    ("GET",    "approval-detail"):       (401, 403, 403, 200, 200, 200, 403, 200, 403),
    ("POST",   "approval-approve"):      (401, 403, 403, 403, 200, 200, 403, 403, 403),
    ("POST",   "approval-reject"):       (401, 403, 403, 403, 200, 200, 403, 403, 403),
    # Only who asked may: here it was Finance.
    ("POST",   "approval-withdraw"):     (401, 403, 403, 403, 200, 403, 403, 403, 403),

    ("GET",    "audit-list"):            (401, 403, 403, 200, 200, 200, 403, 200, 403),
    ("GET",    "audit-seals"):           (401, 403, 403, 200, 200, 200, 403, 200, 403),
}
# fmt: on

NOT_IN_THE_TABLE = """These routes are not in TABLE: {routes}

For each of them, in this file:
1. Add a row to TABLE: the status that each of PEOPLE is to be answered. A stranger is answered 404
   for an object that is Alice's, and 403 for asking about Alice by her id.
2. Add to SENT what is sent. Whatever it is about must be Alice's: make it in World if need be.
If API keys may use the route, add it to SCOPES in users/scopes.py; otherwise every key is refused
with 403, and 403 stands in the last three columns."""


@dataclass(frozen=True)
class Call:
    """`on` is the id in the path."""

    on: Any = None
    query: dict[str, Any] = field(default_factory=dict)
    body: Any = None


class World:
    """Alice with 100.00 to spend, and what the calls are about, each made when it is asked for."""

    def __init__(self) -> None:
        self.alice, self.bob, self.charlie = map(make_user, ("alice", "bob", "charlie"))
        staff = (Role.AUDITOR, Role.FINANCE, Role.ADMIN)
        self.auditor, self.finance, self.admin = (make_user(f"the-{r}", r) for r in staff)

    @cached_property
    def payment(self) -> Any:
        """A completed transfer from Bob to Alice, who may give it back."""
        fund(self.alice, "100.00")
        fund(self.bob, "100.00")
        made = post_one(transfer(self.bob, self.alice, "10.00")).transaction
        return made and made.pk

    @cached_property
    def hold(self) -> Any:
        """A pending transfer from Alice to Bob."""
        assert self.payment
        body = {"to_user_id": self.bob.pk, "amount": "5.00", "pending": True}
        asked = Api(self.alice).post(reverse("transaction-transfer"), body)
        return body_of(asked)["id"]

    @cached_property
    def api_key(self) -> ApiKey:
        alice = self.alice.pk
        return create_api_key(user_id=alice, name="shop", scopes=["read"], by=SYSTEM).key

    def asked_by(self, maker: User) -> Any:
        """A request to freeze Alice's balance."""
        freeze = Freeze(user_id=self.alice.pk, currency="USD", status=BalanceStatus.FROZEN)
        return request_approval(asked=freeze, reason="card stolen", by=Actor.of(maker)).pk

    @cached_property
    def somebody_elses_request(self) -> Any:
        return self.asked_by(make_user("maker", Role.FINANCE))

    @cached_property
    def request_of_finance(self) -> Any:
        return self.asked_by(self.finance)

    @cached_property
    def refresh(self) -> str:
        return issue(self.alice).refresh

    def moved(self, **who: int) -> dict[str, Any]:
        """The body of a movement of Alice's money."""
        assert self.payment
        return {"amount": "1.00", **who}


NEWCOMER = {"username": "dora", "email": "dora@example.com", "password": "another-horse-8"}


def of_alice(world: World) -> Call:
    return Call(query={"user_id": world.alice.pk})


SENT: dict[Route, Callable[[World], Call]] = {
    ("GET", "health"): lambda _: Call(),
    ("GET", "health-ready"): lambda _: Call(),
    ("GET", "schema"): lambda _: Call(),
    ("GET", "schema-yaml"): lambda _: Call(),
    ("GET", "docs"): lambda _: Call(),
    ("GET", "redoc"): lambda _: Call(),
    ("POST", "auth-register"): lambda _: Call(body=NEWCOMER),
    ("POST", "auth-login"): lambda _: Call(body={"username": "alice", "password": PASSWORD}),
    ("POST", "auth-refresh"): lambda w: Call(body={"refresh": w.refresh}),
    ("POST", "auth-logout"): lambda w: Call(body={"refresh": w.refresh}),
    ("POST", "auth-password"): lambda _: Call(
        body={"current_password": PASSWORD, "new_password": "another-horse-8"}
    ),
    ("GET", "user-list"): lambda _: Call(),
    ("POST", "user-list"): lambda _: Call(body=NEWCOMER),
    ("GET", "user-me"): lambda _: Call(),
    ("GET", "user-detail"): lambda w: Call(w.alice.pk),
    ("PUT", "user-detail"): lambda w: Call(
        w.alice.pk, body={"username": "alice", "email": "new@example.com"}
    ),
    ("PATCH", "user-detail"): lambda w: Call(w.alice.pk, body={"email": "new@example.com"}),
    ("DELETE", "user-detail"): lambda w: Call(w.alice.pk),
    ("GET", "api-key-list"): of_alice,
    ("POST", "api-key-list"): lambda w: Call(
        body={"user_id": w.alice.pk, "name": "shop", "scopes": ["read"]}
    ),
    ("GET", "api-key-detail"): lambda w: Call(w.api_key.pk),
    ("DELETE", "api-key-detail"): lambda w: Call(w.api_key.pk),
    ("POST", "api-key-rotate"): lambda w: Call(w.api_key.pk, body={}),
    ("GET", "balance-current"): of_alice,
    ("GET", "balance-history"): of_alice,
    ("GET", "balance-statement"): lambda w: Call(
        query={"user_id": w.alice.pk, "currency": "USD", "format": "json"}
    ),
    ("GET", "transaction-list"): of_alice,
    ("GET", "transaction-detail"): lambda w: Call(w.payment),
    ("POST", "transaction-transfer"): lambda w: Call(
        body=w.moved(from_user_id=w.alice.pk, to_user_id=w.bob.pk)
    ),
    ("POST", "transaction-deposit"): lambda w: Call(body=w.moved(user_id=w.alice.pk)),
    ("POST", "transaction-withdraw"): lambda w: Call(body=w.moved(user_id=w.alice.pk)),
    ("POST", "transaction-batch"): lambda w: Call(
        body={"transactions": [{"type": "withdrawal", **w.moved(user_id=w.alice.pk)}]}
    ),
    ("POST", "transaction-capture"): lambda w: Call(w.hold, body={}),
    ("POST", "transaction-cancel"): lambda w: Call(w.hold, body={}),
    ("POST", "transaction-reverse"): lambda w: Call(w.payment, body={"reason": "returned"}),
    ("GET", "approval-list"): of_alice,
    ("POST", "approval-list"): lambda w: Call(
        body={"kind": "freeze", "user_id": w.alice.pk, "status": "frozen", "reason": "stolen"}
    ),
    ("GET", "approval-detail"): lambda w: Call(w.request_of_finance),
    ("POST", "approval-approve"): lambda w: Call(w.somebody_elses_request, body={}),
    ("POST", "approval-reject"): lambda w: Call(w.somebody_elses_request, body={"comment": "no"}),
    ("POST", "approval-withdraw"): lambda w: Call(w.request_of_finance, body={}),
    ("GET", "audit-list"): lambda w: Call(query={"entity_type": "user", "entity_id": w.alice.pk}),
    ("GET", "audit-seals"): lambda _w: Call(),
}

# Scopes that what is sent needs beside the route's own.
ALSO_NEEDED: dict[Route, set[str]] = {("POST", "transaction-batch"): {Scope.WITHDRAW}}


def routes() -> Iterator[Route]:
    """Method and name of every route under /api/."""

    def walk(patterns: Any, prefix: str) -> Iterator[URLPattern]:
        for pattern in patterns:
            path = prefix + str(pattern.pattern)
            if isinstance(pattern, URLPattern):
                if path.startswith("api/"):
                    yield pattern
            else:
                yield from walk(pattern.url_patterns, path)

    for pattern in walk(get_resolver().url_patterns, ""):
        view: Any = pattern.callback
        kind = getattr(view, "cls", getattr(view, "view_class", None))
        methods = getattr(view, "actions", None) or (
            [m for m in kind.http_method_names if hasattr(kind, m)] if kind else ["get"]
        )
        for method in methods:
            if method not in {"options", "head"}:
                yield method.upper(), str(pattern.name)


def test_every_route_is_in_the_table() -> None:
    there = set(routes())
    assert there - TABLE.keys() == set(), NOT_IN_THE_TABLE.format(routes=there - TABLE.keys())
    assert TABLE.keys() - there == set(), "TABLE has routes that do not exist (any more)"
    assert SENT.keys() == TABLE.keys()
    assert SCOPES.keys() - there == set(), "users/scopes.py has routes that do not exist"


def callers(world: World, route: Route) -> dict[str, Api]:
    every = set(Scope.values)
    needed = {str(SCOPES[route])} if route in SCOPES else set()
    apis = [
        Api(),
        *map(Api, (world.alice, world.charlie, world.auditor, world.finance, world.admin)),
        with_key(world.alice, needed | ALSO_NEEDED.get(route, set()) if needed else every),
        with_key(world.admin, every),
        with_key(world.admin, every - needed),
    ]
    return dict(zip(PEOPLE, apis, strict=True))


def answer(api: Api, route: Route, call: Call) -> HttpResponse:
    """What is answered; whatever the call did is undone after."""
    method, name = route
    path = reverse(name, args=[] if call.on is None else [call.on])
    with atomic():
        response = (
            api.get(path, **call.query) if method == "GET" else api.send(method, path, call.body)
        )
        set_rollback(True)
    forget_all()
    forget_uses()
    balance_cache().clear()
    return response


@pytest.fixture
def world(db: None, settings: Any) -> World:
    settings.SELF_SERVICE_FUNDING = True
    settings.OPEN_REGISTRATION = True
    settings.RATELIMIT_ENABLE = False
    return World()


@pytest.mark.parametrize("route", TABLE, ids=" ".join)
def test_everybody_is_answered_as_the_table_says(world: World, route: Route) -> None:
    call = SENT[route](world)
    answers = {who: answer(api, route, call) for who, api in callers(world, route).items()}
    statuses = {who: response.status_code for who, response in answers.items()}
    assert statuses == dict(zip(PEOPLE, TABLE[route], strict=True))


MISSING_NUMBER = 999_999
MISSING_UUID = "01a204ce-ba80-7741-a30a-7f4fbb042252"
ABOUT_NOBODY = {
    "audit-seals",
    "health",
    "health-ready",
    "schema",
    "schema-yaml",
    "docs",
    "redoc",
    "user-list",
    "user-me",
}
ABOUT_SOMEBODY = [
    route for route in TABLE if not route[1].startswith("auth-") and route[1] not in ABOUT_NOBODY
]


def about_nobody(sent: Any) -> Any:
    """The same, about a user who does not exist."""
    if isinstance(sent, dict):
        missing = {"user_id", "from_user_id", "entity_id"} & sent.keys()
        inner = {name: about_nobody(value) for name, value in sent.items()}
        return inner | dict.fromkeys(missing, MISSING_NUMBER)
    return [about_nobody(item) for item in sent] if isinstance(sent, list) else sent


def seen(response: HttpResponse) -> Any:
    return response.status_code, {**body_of(response), "request_id": ""}


@pytest.mark.parametrize("route", ABOUT_SOMEBODY, ids=" ".join)
def test_nobody_else_can_tell_whether_it_exists(world: World, route: Route) -> None:
    there = SENT[route](world)
    missing = {None: None, int: MISSING_NUMBER}.get(type(there.on), MISSING_UUID)
    absent = Call(
        None if there.on is None else missing, about_nobody(there.query), about_nobody(there.body)
    )
    assert absent != there
    strangers = callers(world, route) | {
        "key of a stranger": with_key(world.charlie, {*Scope.values})
    }
    for who in ("anonymous", "stranger", "scopeless", "key of a stranger"):
        answers, work = [], []
        for call in (there, absent):
            with CaptureQueriesContext(connection) as queries:
                answers.append(answer(strangers[who], route, call))
            work.append(len(queries))
        assert seen(answers[0]) == seen(answers[1])
        assert work[0] == work[1], "the time it takes would tell"
        assert answers[0].status_code in {401, 403, 404}
        assert answers[0].headers.keys() == answers[1].headers.keys()
