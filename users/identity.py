"""Who a caller is now: read from the database, remembered for at most five seconds.

A role or an activity is never taken from a token. The posting engine does not rely on this
memory: it reads the users again under its locks.
"""

from functools import cache

from django.conf import settings
from django.db import connection, models

from users.memory import Memory
from users.models import ApiKey, User


@cache
def _select(model: type[models.Model], by: str) -> str:
    """SQL once for all: to build the same query anew takes longer than the database does."""
    quote = connection.ops.quote_name
    columns = ", ".join(quote(str(field.column)) for field in model._meta.concrete_fields)
    return f"SELECT {columns} FROM {quote(model._meta.db_table)} WHERE {quote(by)} = %s"  # noqa: S608 - names of ours


def _read_user(user_id: int) -> User | None:
    return next(iter(User.objects.raw(_select(User, "id"), [user_id])), None)


def _read_key(prefix: str) -> ApiKey | None:
    return next(iter(ApiKey.objects.raw(_select(ApiKey, "prefix"), [prefix])), None)


_users = Memory(_read_user)
_keys = Memory(_read_key)


def current_user(user_id: int) -> User | None:
    """The user as the database has it, at most `IDENTITY_CACHE_SECONDS` (seconds) ago."""
    return _users.get(user_id, settings.IDENTITY_CACHE_SECONDS)


def current_key(prefix: str) -> ApiKey | None:
    """The API key with this prefix, likewise."""
    return _keys.get(prefix, settings.IDENTITY_CACHE_SECONDS)


def forget(user_id: int) -> None:
    """Read this user anew the next time: a change in this process takes effect at once."""
    _users.forget(user_id)


def forget_key(prefix: str) -> None:
    _keys.forget(prefix)


def forget_all() -> None:
    _users.clear()
    _keys.clear()
