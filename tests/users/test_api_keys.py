"""API keys over the API: made, shown once, rotated, revoked, and what the trail keeps of it."""

import re
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from django.utils import timezone

from audit.models import AuditLog
from ledgerlink.timestamps import rfc3339
from tests.api.client import API, Api, assert_problem, body_of
from tests.books import SYSTEM, make_user
from tests.concurrency import at_once
from users.accounts import delete_user
from users.api_keys import NewApiKey, create_api_key, hash_of, rotate_api_key
from users.errors import ApiKeyEnded, ApiKeyRotated
from users.models import ApiKey, User
from users.roles import Role

KEYS = f"{API}/api-keys"

pytestmark = pytest.mark.django_db


@pytest.fixture
def as_admin(admin: User) -> Api:
    return Api(admin)


def made_for(user: User, **fields: Any) -> NewApiKey:
    given: dict[str, Any] = {"name": "shop", "scopes": ["read"], "by": SYSTEM, **fields}
    return create_api_key(user_id=user.pk, **given)


def trail(*fields: str) -> list[Any]:
    """Of the keys, oldest first."""
    records = AuditLog.objects.filter(entity_type="api_key").order_by("pk")
    return list(records.values_list(*fields))


def path_of(key: ApiKey, then: str = "") -> str:
    return f"{KEYS}/{key.pk}{then}"


def test_created_key_is_shown_once(as_admin: Api, admin: User, alice: User) -> None:
    body = {"user_id": alice.pk, "name": "shop, production", "scopes": ["transfer", "read"]}
    response = as_admin.post(KEYS, body)
    assert response.status_code == 201
    answer = body_of(response)
    text = answer.pop("key")
    key = ApiKey.objects.get()
    assert answer == {
        "id": key.pk,
        "user": {"id": alice.pk, "username": "alice"},
        "name": "shop, production",
        "prefix": key.prefix,
        "scopes": ["read", "transfer"],
        "replaces": None,
        "created_by": admin.pk,
        "created_at": rfc3339(key.created_at),
        "expires_at": None,
        "revoked_at": None,
        "last_used_at": None,
    }
    assert re.fullmatch(re.escape(key.prefix) + "_[A-Za-z0-9_-]{43}", text)
    assert re.fullmatch("ll_[a-z2-7]{8}", key.prefix)
    assert response["Location"] == path_of(key)
    assert response["Cache-Control"] == "no-store"
    assert body_of(as_admin.get(path_of(key))) == answer
    assert body_of(as_admin.get(KEYS))["results"] == [answer]


def test_key_is_stored_nowhere(as_admin: Api, alice: User, caplog: Any) -> None:
    body = {"user_id": alice.pk, "name": "shop", "scopes": ["read"]}
    first = body_of(as_admin.post(KEYS, body))
    second = body_of(as_admin.post(f"{KEYS}/{first['id']}/rotate", {}))
    everything = str([list(model.objects.values()) for model in (ApiKey, AuditLog)]) + caplog.text
    for answer in (first, second):
        secret = answer["key"].removeprefix(answer["prefix"] + "_")
        assert secret not in everything
        assert hash_of(secret) == ApiKey.objects.get(pk=answer["id"]).secret_hash
        assert hash_of(secret) not in str(trail("details"))


def test_no_two_keys_are_alike(alice: User) -> None:
    made = [made_for(alice) for _ in range(20)]
    assert len({new.text for new in made}) == len({new.key.prefix for new in made}) == 20
    assert "secret" not in repr(made[0])
    assert made[0].text not in repr(made[0])


BAD_BODIES: list[tuple[dict[str, Any], str]] = [
    ({"user_id": 999_999}, "user_id"),
    ({"user_id": "1"}, "user_id"),
    ({"user_id": None}, "user_id"),
    ({"name": ""}, "name"),
    ({"name": "   "}, "name"),
    ({"name": "x" * 65}, "name"),
    ({"name": "a\u202eb"}, "name"),
    ({"name": 7}, "name"),
    ({"scopes": []}, "scopes"),
    ({"scopes": "read"}, "scopes"),
    ({"scopes": ["king"]}, "scopes"),
    ({"scopes": [["read"]]}, "scopes"),
    ({"scopes": [{}]}, "scopes"),
    ({"scopes": ["read"] * 100}, "scopes"),
    ({"expires_at": "2020-01-01T00:00:00Z"}, "expires_at"),
    ({"expires_at": "tomorrow"}, "expires_at"),
    ({"expires_at": "9999-12-31T23:59:59-23:59"}, "expires_at"),
    ({"expires_at": 7}, "expires_at"),
    ({"key": "ll_mine"}, "key"),
]


@pytest.mark.parametrize(("wrong", "field"), BAD_BODIES, ids=str)
def test_bad_field_is_named(as_admin: Api, alice: User, wrong: dict[str, Any], field: str) -> None:
    body = {"user_id": alice.pk, "name": "shop", "scopes": ["read"], **wrong}
    problem = assert_problem(as_admin.post(KEYS, body), 400, "invalid_request")
    assert list(problem["errors"]) == [field]
    assert not ApiKey.objects.exists()


@pytest.mark.parametrize("fields", [{"is_active": False}, {"deleted_at": timezone.now()}])
def test_key_is_not_made_for_somebody_who_is_gone(as_admin: Api, fields: dict[str, Any]) -> None:
    gone = make_user("gone", **{"is_active": False, **fields})
    body = {"user_id": gone.pk, "name": "shop", "scopes": ["read"]}
    problem = assert_problem(as_admin.post(KEYS, body), 400, "invalid_request")
    assert problem["errors"]["user_id"][0]["code"] == "unknown_user"


def test_list_is_newest_first_and_narrowed_to_a_user(as_admin: Api, alice: User, bob: User) -> None:
    keys = [made_for(user).key.pk for user in (alice, bob, alice)]

    def listed(**query: Any) -> list[int]:
        return [row["id"] for row in body_of(as_admin.get(KEYS, **query))["results"]]

    assert listed() == keys[::-1]
    assert listed(user_id=bob.pk) == [keys[1]]
    assert listed(page_size=1) == [keys[2]]
    assert_problem(as_admin.get(KEYS, user_id="x"), 400, "invalid_request")


def test_list_costs_the_same_for_many_keys(
    as_admin: Api, alice: User, django_assert_num_queries: Any
) -> None:
    for number in range(10):
        made_for(make_user(f"user-{number}"))
    as_admin.get(KEYS)
    with django_assert_num_queries(2):  # may the caller, and the keys
        assert len(body_of(as_admin.get(KEYS))["results"]) == 10


@pytest.mark.parametrize(("method", "then"), [("GET", ""), ("DELETE", ""), ("POST", "/rotate")])
def test_key_that_does_not_exist_is_not_found(as_admin: Api, method: str, then: str) -> None:
    assert_problem(as_admin.send(method, f"{KEYS}/999999{then}", {}), 404, "not_found")


def test_rotation_makes_a_key_and_lets_the_old_one_run_out(
    as_admin: Api, admin: User, alice: User
) -> None:
    old = made_for(alice, scopes=["read", "deposit"]).key
    response = as_admin.post(path_of(old, "/rotate"), {"overlap_seconds": 600})
    assert response.status_code == 201
    assert response["Cache-Control"] == "no-store"
    answer = body_of(response)
    old.refresh_from_db()
    new = ApiKey.objects.get(pk=answer["id"])
    assert (new.user, new.name, new.scopes) == (alice, "shop", ["read", "deposit"])
    assert (answer["replaces"], answer["created_by"]) == (old.pk, admin.pk)
    assert new.expires_at is None
    assert old.expires_at == new.created_at + timedelta(seconds=600)
    assert old.secret_hash != new.secret_hash


def test_overlap_is_a_day_unless_said_otherwise(as_admin: Api, alice: User) -> None:
    old = made_for(alice).key
    new = body_of(as_admin.post(path_of(old, "/rotate"), {}))
    old.refresh_from_db()
    assert old.expires_at is not None
    assert rfc3339(old.expires_at - timedelta(days=1)) == new["created_at"]


def test_overlap_never_lengthens_the_life_of_a_key(alice: User) -> None:
    soon = timezone.now() + timedelta(minutes=5)
    old = made_for(alice, expires_at=soon).key
    rotate_api_key(key_id=old.pk, overlap=timedelta(days=30), by=SYSTEM)
    old.refresh_from_db()
    assert old.expires_at == soon


@pytest.mark.parametrize("overlap", [-1, 2_592_001, "60", 1.5, True, None])
def test_overlap_out_of_range_is_refused(as_admin: Api, alice: User, overlap: Any) -> None:
    old = made_for(alice).key
    response = as_admin.post(path_of(old, "/rotate"), {"overlap_seconds": overlap})
    problem = assert_problem(response, 400, "invalid_request")
    assert list(problem["errors"]) == ["overlap_seconds"]
    assert ApiKey.objects.count() == 1


def test_new_key_lives_as_long_as_the_old_one_was_to_live(alice: User) -> None:
    old = made_for(alice, expires_at=timezone.now() + timedelta(days=90)).key
    assert old.expires_at is not None
    new = rotate_api_key(key_id=old.pk, by=SYSTEM).key
    assert new.expires_at == new.created_at + (old.expires_at - old.created_at)
    chosen = timezone.now() + timedelta(days=1)
    assert rotate_api_key(key_id=new.pk, expires_at=chosen, by=SYSTEM).key.expires_at == chosen


def test_life_to_the_end_of_time_can_be_rotated(alice: User) -> None:
    end = datetime.max.replace(tzinfo=UTC)
    old = made_for(alice, expires_at=end).key
    ApiKey.objects.filter(pk=old.pk).update(created_at=old.created_at - timedelta(days=365))
    assert rotate_api_key(key_id=old.pk, by=SYSTEM).key.expires_at == end


def test_rotated_key_is_not_rotated_again(as_admin: Api, alice: User) -> None:
    old = made_for(alice).key
    new = rotate_api_key(key_id=old.pk, by=SYSTEM).key
    assert_problem(as_admin.post(path_of(old, "/rotate"), {}), 409, "api_key_rotated")
    assert as_admin.post(path_of(new, "/rotate"), {}).status_code == 201


def test_ended_key_is_not_rotated(alice: User, bob: User, charlie: User) -> None:
    expired, revoked, orphan = (made_for(user).key for user in (alice, bob, charlie))
    past = timezone.now() - timedelta(hours=1)
    ApiKey.objects.filter(pk=expired.pk).update(created_at=past, expires_at=past)
    ApiKey.objects.filter(pk=revoked.pk).update(revoked_at=past)
    User.objects.filter(pk=charlie.pk).update(is_active=False)
    for key in (expired, revoked, orphan):
        with pytest.raises(ApiKeyEnded):
            rotate_api_key(key_id=key.pk, by=SYSTEM)
    assert ApiKey.objects.count() == 3


def test_revocation_is_for_good_and_can_be_asked_for_again(as_admin: Api, alice: User) -> None:
    key = made_for(alice).key
    assert as_admin.send("DELETE", path_of(key)).status_code == 204
    revoked = body_of(as_admin.get(path_of(key)))["revoked_at"]
    assert revoked is not None
    assert as_admin.send("DELETE", path_of(key)).status_code == 204
    assert body_of(as_admin.get(path_of(key)))["revoked_at"] == revoked
    assert_problem(as_admin.post(path_of(key, "/rotate"), {}), 409, "api_key_ended")
    assert trail("action") == [("api_key.created",), ("api_key.revoked",)]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_key_is_never_edited(as_admin: Api, alice: User, method: str) -> None:
    key = made_for(alice).key
    body = {"name": "other", "scopes": ["transfer"]}
    assert_problem(as_admin.send(method, path_of(key), body), 405, "method_not_allowed")


def test_trail_tells_who_did_what(as_admin: Api, admin: User, alice: User) -> None:
    body = {"user_id": alice.pk, "name": "shop", "scopes": ["read"]}
    first = body_of(as_admin.post(KEYS, body))
    second = body_of(as_admin.post(f"{KEYS}/{first['id']}/rotate", {"overlap_seconds": 60}))
    as_admin.send("DELETE", f"{KEYS}/{second['id']}")
    old = {"name": "shop", "prefix": first["prefix"], "username": "alice"}
    new = {"name": "shop", "prefix": second["prefix"], "username": "alice"}
    granted = {"scopes": ["read"], "expires_at": None}
    end = rfc3339(ApiKey.objects.get(pk=first["id"]).expires_at or timezone.now())
    assert trail("actor_id", "action", "entity_id", "details") == [
        (str(admin.pk), "api_key.created", str(first["id"]), old | granted),
        (
            str(admin.pk),
            "api_key.created",
            str(second["id"]),
            new | granted | {"replaces": first["prefix"]},
        ),
        (
            str(admin.pk),
            "api_key.rotated",
            str(first["id"]),
            old | {"replaced_by": second["prefix"], "expires_at": end},
        ),
        (str(admin.pk), "api_key.revoked", str(second["id"]), new),
    ]


def test_deletion_of_a_user_revokes_the_keys(alice: User, bob: User) -> None:
    mine, other = made_for(alice).key, made_for(bob).key
    delete_user(user_id=alice.pk, by=SYSTEM)
    mine.refresh_from_db()
    other.refresh_from_db()
    assert mine.revoked_at is not None
    assert other.revoked_at is None


@pytest.mark.django_db(transaction=True)
def test_rotations_at_once_make_one_key() -> None:
    key = made_for(make_user("alice", Role.FINANCE)).key
    outcomes = at_once([lambda: rotate_api_key(key_id=key.pk, by=SYSTEM)] * 4)
    assert sum(isinstance(outcome, NewApiKey) for outcome in outcomes) == 1
    assert sum(isinstance(outcome, ApiKeyRotated) for outcome in outcomes) == 3
    assert ApiKey.objects.count() == 2


@pytest.mark.django_db(transaction=True)
def test_one_form_sent_several_times_at_once_makes_one_key() -> None:
    owners = [make_user("alice", Role.FINANCE), make_user("bob", Role.FINANCE)] * 2
    outcomes = at_once([partial(made_for, owner, prefix="ll_abcdefgh") for owner in owners])
    kinds = sorted(type(outcome).__name__ for outcome in outcomes)
    assert kinds == ["ApiKeyMade", "ApiKeyMade", "ApiKeyMade", "NewApiKey"], outcomes
    assert ApiKey.objects.get().prefix == "ll_abcdefgh"
