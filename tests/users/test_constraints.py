"""The database refuses each thing that a user, or what belongs to one, can't be."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db.models import Model
from django.utils import timezone

from tests.books import SYSTEM, make_user
from tests.refusals import constraint_names, delete_row, refused_by, trigger_names
from users.api_keys import create_api_key
from users.models import ApiKey, LoginTally, RecoveryCode, User, UserNote

pytestmark = pytest.mark.django_db

BEFORE_IT_WAS_MADE = datetime(2020, 1, 1, tzinfo=UTC)


@pytest.fixture(autouse=True)
def rows(alice: User, bob: User) -> None:
    """What the bad rows would collide with."""
    for user, prefix in ((alice, "ll_aaaaaaaa"), (bob, "ll_bbbbbbbb")):
        create_api_key(user_id=user.pk, name="shop", scopes=["read"], by=SYSTEM)
        ApiKey.objects.filter(user=user).update(prefix=prefix)
    LoginTally.objects.create(name_hash="a", address="192.0.2.1")
    RecoveryCode.objects.create(user=alice, code_hash="a")
    UserNote.objects.create(user=alice, author=bob, text="called", created_at=timezone.now())


def set_on(model: type[Model], **fields: Any) -> Callable[[], object]:
    """Bob's row, made bad in SQL, past what Django would refuse by itself."""
    mine = {User: {"username": "bob"}, ApiKey: {"user__username": "bob"}}[model]
    return lambda: model._default_manager.filter(**mine).update(**fields)


def tally_again() -> object:
    return LoginTally.objects.create(name_hash="a", address="192.0.2.1")


def recovery_code_again() -> object:
    return RecoveryCode.objects.create(user=User.objects.get(username="alice"), code_hash="a")


def change_note() -> object:
    return UserNote.objects.update(text="never called")


FORBIDDEN: list[tuple[str, Callable[[], object]]] = [
    ("user_username_once", set_on(User, username="alice")),
    ("user_username_once", set_on(User, username="ALICE")),
    ("user_email_once", set_on(User, email="alice@example.com")),
    ("user_email_once", set_on(User, email="Alice@Example.com")),
    ("user_role_known", set_on(User, role="owner")),
    ("user_username_not_empty", set_on(User, username="")),
    ("user_deleted_is_inactive", set_on(User, deleted_at=timezone.now())),
    ("api_key_prefix_once", set_on(ApiKey, prefix="ll_aaaaaaaa")),
    ("api_key_name_not_empty", set_on(ApiKey, name="")),
    ("api_key_expires_after_creation", set_on(ApiKey, expires_at=BEFORE_IT_WAS_MADE)),
    ("login_tally_once", tally_again),
    ("recovery_code_once", recovery_code_again),
    ("note_not_empty", lambda: UserNote.objects.bulk_create([note(text="")])),
    ("note_never_changed", change_note),
    ("note_never_deleted", lambda: delete_row(UserNote.objects.get())),
]


def note(**fields: Any) -> UserNote:
    people = User.objects.order_by("pk")
    good = {"user": people[0], "author": people[1], "text": "x", "created_at": timezone.now()}
    return UserNote(**{**good, **fields})


def test_constraints_and_triggers_are_all_met_here() -> None:
    assert {name for name, _ in FORBIDDEN} == constraint_names("users") | trigger_names("users")


@pytest.mark.parametrize(("name", "change"), FORBIDDEN, ids=[name for name, _ in FORBIDDEN])
def test_row_that_breaks_a_rule_is_refused(name: str, change: Callable[[], object]) -> None:
    with refused_by(name):
        change()


def test_names_of_the_deleted_and_empty_addresses_are_free(bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(deleted_at=timezone.now(), is_active=False)
    make_user("BOB", email="bob@example.com")
    for name in ("robot-1", "robot-2"):
        make_user(name, email="")
