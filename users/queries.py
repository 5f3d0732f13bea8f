"""Reading users."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from django.db.models import Q, QuerySet

from ledgerlink.texts import begins_with
from users.models import User

SOME = 10
# SQLite looks up what is later than a moment, but not what is not NULL.
DELETED = Q(deleted_at__gte=datetime(1970, 1, 1, tzinfo=UTC))


def key_of(text: str) -> str:
    """What a username or e-mail is found by; empty, which is nobody's, for text that can't be one.

    All names are printable ASCII, while a collation may take an accented letter for the plain one
    or pass over control characters.
    """
    key = text.strip().lower()
    return key if key.isascii() and key.isprintable() else ""


def user_named(identifier: str) -> User | None:
    """The user who is not deleted and has this username or e-mail, in whatever case.

    A username can't hold "@", so at most one can match.
    """
    key = key_of(identifier)
    return User.objects.filter(Q(username_key=key) | Q(email_key=key)).first()


def existing_users(filters: Mapping[str, Any]) -> QuerySet[User]:
    """The users who are not deleted; `username` and `email` match in whatever case."""
    users = User.objects.filter(deleted_at__isnull=True)
    for name in ("username", "email"):
        if name in filters:
            users = users.filter(**{f"{name}_key": key_of(filters[name])})
    for name in ("role", "is_active"):
        if name in filters:
            users = users.filter(**{name: filters[name]})
    return users


def user_called(text: str) -> User | None:
    """By id, username or e-mail; a deleted user only by id."""
    number = text.isascii() and text.isdecimal() and len(text) < 19
    return (User.objects.filter(pk=int(text)).first() if number else None) or user_named(text)


def users_like(text: str) -> list[Q]:
    """Those whose username or e-mail begins with `text`, in whatever case: three conditions, since
    an index finds the rows of each, but not of all at once. Of the deleted, the keys are empty."""
    key = key_of(text)
    if not key:
        return []
    gone = Q(username__istartswith=key) | Q(email__istartswith=key)
    return [
        begins_with("username_key", key),
        begins_with("email_key", key),
        DELETED & gone,
    ]


def some_users_like(text: str, limit: int = SOME) -> tuple[list[int], str]:
    """The ids of at most `limit` users: the one called `text`, or else those whose username or
    e-mail begins so; and what to say when there are others."""
    exactly = user_named(text)
    if exactly is not None:
        return [exactly.pk], ""
    found: dict[int, None] = {}
    for condition in users_like(text):
        some = User.objects.filter(condition).values_list("pk", flat=True)[: limit + 1]
        found |= dict.fromkeys(some)
    if len(found) <= limit:
        return [*found], ""
    return [*found][:limit], f"More than {limit} users are called so; only {limit} are looked for."
