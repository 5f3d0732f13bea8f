"""Reading users."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet

from users.models import User


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
