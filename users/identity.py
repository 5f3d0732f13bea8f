"""Who a caller is now: read from the database, remembered for at most five seconds.

A role or an activity is never taken from a token. The posting engine does not rely on this
memory: it reads the users again under its locks.
"""

from typing import TypeVar

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, models

from ledgerlink.rows import select_rows
from users.memory import Memory
from users.models import ApiKey, User

Model = TypeVar("Model", bound=models.Model)


def _read_user(user_id: int) -> User | None:
    return _read(User, "id", user_id)


def _read_key(prefix: str) -> ApiKey | None:
    return _read(ApiKey, "prefix", prefix)


def _read(model: type[Model], by: str, value: int | str) -> Model | None:
    columns = [field.attname for field in model._meta.concrete_fields]
    for row in select_rows(model, columns, by, [value]):
        return model.from_db(DEFAULT_DB_ALIAS, columns, row)
    return None


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
