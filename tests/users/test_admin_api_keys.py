"""API keys in the back-office: the key is shown once, and nothing but its end can be changed."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from audit.models import AuditLog
from tests.back_office import signed_in
from tests.books import make_user
from users.actors import Actor
from users.api_keys import NewApiKey, create_api_key, hash_of, parts_of
from users.models import ApiKey, User

ADD = reverse("admin:users_apikey_add")
KEY = re.compile(r"ll_[a-z2-7]{8}_[A-Za-z0-9_-]{43}")
FORM = {
    "key_prefix": "ll_abcdefgh",
    "username": "alice",
    "name": "shop",
    "scopes": ["transfer", "read"],
    "days": "30",
}


@pytest.fixture
def as_admin(admin: User) -> Client:
    return signed_in(admin)


@pytest.fixture
def shop(alice: User) -> NewApiKey:
    return create_api_key(user_id=alice.pk, name="shop", scopes=["read"], by=Actor.system("tests"))


def page_of(key: ApiKey, page: str) -> str:
    return reverse(f"admin:users_apikey_{page}", args=[key.pk])


def key_shown_in(response: Any) -> str:
    (text,) = KEY.findall(response.content.decode())
    assert "no-store" in response["Cache-Control"]
    return str(text)


def test_added_key_is_shown_once_and_never_again(as_admin: Client, alice: User) -> None:
    prefix = as_admin.get(ADD).context["form"]["key_prefix"].value()
    text = key_shown_in(as_admin.post(ADD, {**FORM, "key_prefix": prefix}))
    key = ApiKey.objects.get()
    parts = parts_of(text)
    assert parts is not None
    assert (key.prefix, key.secret_hash) == (parts[0], hash_of(parts[1]))
    assert (key.user, key.name, key.scopes) == (alice, "shop", ["read", "transfer"])
    assert key.expires_at is not None
    assert (key.expires_at - key.created_at).days in {29, 30}
    for page in ("change", "history", "rotate", "revoke"):
        shown = as_admin.get(page_of(key, page)).content.decode()
        assert parts[1] not in shown
        assert key.secret_hash not in shown


def test_form_sent_twice_makes_one_key(as_admin: Client, alice: User) -> None:
    key_shown_in(as_admin.post(ADD, FORM))
    again = as_admin.post(ADD, {**FORM, "name": "another"}, follow=True)
    key = ApiKey.objects.get()
    assert again.redirect_chain == [(page_of(key, "change"), 302)]
    assert "This form was sent before: ll_abcdefgh was made then" in again.content.decode()
    assert AuditLog.objects.filter(action="api_key.created").count() == 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"key_prefix": ""},
        {"key_prefix": "ll_abcdefgH"},
        {"username": "nobody"},
        {"username": "gone"},
        {"name": " "},
        {"name": "x" * 65},
        {"name": "a\u200bb"},
        {"scopes": []},
        {"scopes": ["everything"]},
        {"days": "0"},
        {"days": "1.5"},
    ],
    ids=str,
)
def test_add_refuses(as_admin: Client, alice: User, wrong: dict[str, Any]) -> None:
    make_user("gone", is_active=False)
    response = as_admin.post(ADD, {**FORM, **wrong})
    assert response.status_code == 200
    assert response.context["form"].errors
    assert not ApiKey.objects.exists()


def test_rotated_key_stays_valid_for_the_overlap(as_admin: Client, shop: NewApiKey) -> None:
    key_shown_in(as_admin.post(page_of(shop.key, "rotate"), {"overlap_hours": "48"}))
    old, new = ApiKey.objects.order_by("pk")
    assert new.replaces == old
    assert old.expires_at is not None
    assert (old.expires_at - new.created_at).total_seconds() == 48 * 3600


def test_key_that_was_rotated_is_not_rotated_again(as_admin: Client, shop: NewApiKey) -> None:
    for _ in range(2):
        response = as_admin.post(page_of(shop.key, "rotate"), {"overlap_hours": "1"})
    assert "Rotate the key that replaced it." in response.content.decode()
    assert ApiKey.objects.count() == 2


@pytest.mark.parametrize("hours", ["-1", "721", "", "x"])
def test_overlap_out_of_range_is_refused(as_admin: Client, shop: NewApiKey, hours: str) -> None:
    response = as_admin.post(page_of(shop.key, "rotate"), {"overlap_hours": hours})
    assert list(response.context["form"].errors) == ["overlap_hours"]
    assert ApiKey.objects.count() == 1


def test_revocation_is_asked_for_twice_and_kept_in_the_trail(
    as_admin: Client, admin: User, shop: NewApiKey
) -> None:
    asked = as_admin.get(page_of(shop.key, "revoke"))
    assert "stops working at once" in asked.content.decode()
    assert ApiKey.objects.get().revoked_at is None
    done = as_admin.post(page_of(shop.key, "revoke"), {"confirmed": "True"}, follow=True)
    assert "is revoked." in done.content.decode()
    assert "An ended key stays as it is." in done.content.decode()
    assert ApiKey.objects.get().revoked_at is not None
    record = AuditLog.objects.latest("pk")
    assert (record.actor_name, record.action) == (admin.username, "api_key.revoked")
    assert (record.entity_type, record.entity_id) == ("api_key", str(shop.key.pk))


def test_each_form_can_be_left(as_admin: Client, shop: NewApiKey) -> None:
    assert as_admin.get(ADD).context["back"] == reverse("admin:users_apikey_changelist")
    for page in ("rotate", "revoke"):
        left = as_admin.get(page_of(shop.key, page))
        assert left.context["back"] == page_of(shop.key, "change")
        assert "Back without doing it" in left.content.decode()


def test_key_that_does_not_exist_leads_back_to_the_list(as_admin: Client) -> None:
    for page in ("rotate", "revoke"):
        path = reverse(f"admin:users_apikey_{page}", args=[999])
        response = as_admin.post(path, {"confirmed": "True", "overlap_hours": "1"}, follow=True)
        assert "There is no such API key." in response.content.decode()


@pytest.mark.parametrize(
    ("term", "found"), [("shop", 1), ("ALI", 1), ("prefix", 1), ("secret", 0), ("hash", 0)]
)
def test_search_finds_by_name_user_and_prefix_but_not_by_secret(
    as_admin: Client, shop: NewApiKey, term: str, found: int
) -> None:
    known = {
        "prefix": shop.key.prefix,
        "secret": shop.text[len(shop.key.prefix) + 1 :],
        "hash": shop.key.secret_hash,
    }
    path = reverse("admin:users_apikey_changelist")
    response = as_admin.get(path, {"q": known.get(term, term)})
    assert response.context["cl"].result_count == found
