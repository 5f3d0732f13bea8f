from typing import Any

import pytest

from tests.api.client import API, Api, assert_problem, body_of
from tests.books import make_user
from users.models import User
from users.roles import Role

USERS = f"{API}/users"

pytestmark = pytest.mark.django_db


def names(admin: User, **query: Any) -> list[str]:
    return [user["username"] for user in body_of(Api(admin).get(USERS, **query))["results"]]


def test_list_is_newest_first_without_the_deleted(admin: User, alice: User, bob: User) -> None:
    make_user("charlie", is_active=False, deleted_at=alice.created_at)
    body = body_of(Api(admin).get(USERS))
    assert [user["id"] for user in body["results"]] == [bob.pk, alice.pk, admin.pk]
    assert body["next"] is None
    assert body["previous"] is None
    assert body["results"][1] == body_of(Api(alice).get(f"{USERS}/me"))


def test_list_is_read_page_by_page(admin: User) -> None:
    for number in range(6):
        make_user(f"user{number}")
    seen, path = [], f"{USERS}?page_size=3"
    while path:
        page = body_of(Api(admin).get(path))
        seen += [user["username"] for user in page["results"]]
        path = page["next"]
    assert seen == ["user5", "user4", "user3", "user2", "user1", "user0", "admin"]


def test_filters(admin: User) -> None:
    make_user("Alice", Role.FINANCE, email="Alice@example.com")
    make_user("bob", is_active=False)
    assert names(admin, username="aLICE") == ["Alice"]
    assert names(admin, username="ali") == []
    assert names(admin, username="alicé") == []
    assert names(admin, username="ali\x01ce") == []
    assert names(admin, email="ALICE@EXAMPLE.COM") == ["Alice"]
    assert names(admin, role="finance") == ["Alice"]
    assert names(admin, is_active="false") == ["bob"]
    assert names(admin, is_active="true") == ["Alice", "admin"]
    assert names(admin, role="user", is_active="true") == []


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("role=emperor", "role"),
        ("is_active=yes", "is_active"),
        ("password=x", "password"),
        ("role=user&role=admin", "role"),
        ("username=%00", "username"),
    ],
)
def test_bad_filter_is_named(admin: User, query: str, field: str) -> None:
    problem = assert_problem(Api(admin).get(f"{USERS}?{query}"), 400, "invalid_request")
    assert list(problem["errors"]) == [field]


@pytest.mark.parametrize("cursor", ["x", "K2FiYw", "KzE=" + "=", "KzFlNQ"])
def test_bad_cursor_is_refused(admin: User, cursor: str) -> None:
    assert_problem(Api(admin).get(USERS, cursor=cursor), 400, "invalid_cursor")


@pytest.mark.parametrize("size", ["0", "201", "-1", "x", "1.5", ""])
def test_bad_page_size_is_refused(admin: User, size: str) -> None:
    response = Api(admin).get(USERS, page_size=size)
    assert response.status_code == 400
