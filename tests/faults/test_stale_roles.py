"""A right that was lost a moment ago, in another process: this one still remembers who had it, and
yet changes nothing for them."""

from collections.abc import Callable
from typing import Any

import pytest
from django.urls import reverse

from audit.models import AuditLog
from tests.api.client import API, CURRENT, Api, body_of, with_key
from tests.api.test_access import PEOPLE, SENT, TABLE, Route, World
from tests.books import make_user
from users.models import ApiKey, User
from users.roles import Role, Scope

ADMIN, STRANGER = PEOPLE.index("admin"), PEOPLE.index("stranger")
WRITES = [
    route
    for route, answers in TABLE.items()
    if route[0] != "GET" and answers[ADMIN] < 400 <= answers[STRANGER]
]
LOST: dict[str, dict[str, Any]] = {"demoted": {"role": Role.USER}, "ended": {"is_active": False}}
SHOWN: dict[str, Callable[[User], Api]] = {
    "token": Api,
    "key": lambda user: with_key(user, Scope.values),
}


@pytest.fixture
def world(db: None) -> World:
    return World()


def remembered(user: User, show: Callable[[User], Api], **lost: Any) -> Api:
    """Whoever was that user a moment ago."""
    api = show(user)
    assert api.get(CURRENT).status_code == 200
    User.objects.filter(pk=user.pk).update(**lost)  # as another process does: nothing is forgotten
    assert api.get(CURRENT).status_code == 200
    return api


def rights() -> list[Any]:
    """All that an administrator could have given or taken."""
    users = User.objects.order_by("pk").values_list("pk", "role", "is_active", "email")
    return [list(users), list(ApiKey.objects.order_by("pk").values_list("pk", "revoked_at"))]


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
@pytest.mark.parametrize("show", SHOWN.values(), ids=SHOWN)
@pytest.mark.parametrize("route", WRITES, ids=" ".join)
def test_who_was_an_administrator_changes_nothing(
    world: World, route: Route, show: Callable[[User], Api], lost: dict[str, Any]
) -> None:
    method, name = route
    call = SENT[route](world)
    api = remembered(world.admin, show, **lost)
    before, told = rights(), AuditLog.objects.count()
    response = api.send(method, reverse(name, args=[call.on] if call.on else []), call.body)
    if response.status_code == 200:  # a batch answers for each of its items
        (result,) = body_of(response)["results"]
        assert result["status"] == 403
    else:
        assert response.status_code in {403, 404}, response.content
    assert rights() == before
    actions = AuditLog.objects.order_by("id").values_list("action", flat=True)[told:]
    assert all("refused" in action or "failed" in action for action in actions), list(actions)


@pytest.mark.parametrize("path", ["users", "auth/register"])
def test_who_was_an_administrator_makes_plain_users_only(world: World, path: str) -> None:
    api = remembered(world.admin, Api, role=Role.USER)
    body = {"username": "dora", "email": "dora@example.com", "password": "another-horse-8"}
    api.post(f"{API}/{path}", {**body, "role": "admin"})
    assert not User.objects.filter(username="dora", role=Role.ADMIN).exists()


def test_who_was_of_finance_moves_no_money_of_others(world: World) -> None:
    clerk = make_user("clerk", Role.FINANCE)
    assert world.payment
    api = remembered(clerk, Api, role=Role.USER)
    for name in ("deposit", "withdraw"):
        body = {"user_id": world.alice.pk, "amount": "1.00"}
        assert api.post(reverse(f"transaction-{name}"), body).status_code == 403
