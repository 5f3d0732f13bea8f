"""API keys: made, rotated and revoked. Each is one database transaction, with its audit row inside.

A key is `ll_<8>_<43>`: a public prefix and 32 random bytes in base64url. Whoever makes one is given
it once; it is stored nowhere.
"""

import hashlib
import re
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.transaction import atomic, on_commit
from django.utils import timezone

from ledgerlink.errors import NotFound
from ledgerlink.timestamps import rfc3339
from users.actors import Actor
from users.collisions import retry_collisions
from users.errors import ApiKeyEnded, ApiKeyMade, ApiKeyRotated
from users.identity import forget_key
from users.models import API_KEY_NAME_MAX_LENGTH, ApiKey, User
from users.roles import Scope
from users.signals import api_key_changed

DEFAULT_OVERLAP = timedelta(hours=24)
MAX_OVERLAP = timedelta(days=30)

# One case of letters: some collations can't tell two apart.
KEY_START = "ll_"  # of every key, so that it is known for one
_PREFIX_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
PREFIX = "ll_[a-z2-7]{8}"
_KEY = re.compile(f"({PREFIX})_([A-Za-z0-9_-]{{43}})")


@dataclass(frozen=True, slots=True)
class NewApiKey:
    """A key just made, and its text, which nobody can be told again."""

    key: ApiKey
    text: str = field(repr=False)


def hash_of(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def parts_of(text: str) -> tuple[str, str] | None:
    """The prefix and the secret; None for what can't be a key."""
    match = _KEY.fullmatch(text)
    return (match[1], match[2]) if match else None


@retry_collisions
def create_api_key(
    *,
    user_id: int,
    name: str,
    scopes: Iterable[str],
    expires_at: datetime | None = None,
    prefix: str | None = None,
    by: Actor,
) -> NewApiKey:
    """`prefix` is a free one, which a form was given when it was shown: sent twice, it makes one
    key. Raises ValidationError, naming the field: `user_id` when there is no such active user; or
    ApiKeyMade.
    """
    at = timezone.now()
    _check(name=name, scopes=scopes, expires_at=expires_at, at=at)
    with _refusing_made(prefix), atomic():
        user = User.objects.select_for_update().filter(pk=user_id, is_active=True).first()
        if user is None:
            unknown = ValidationError("There is no active user with this id.", code="unknown_user")
            raise ValidationError({"user_id": unknown})
        wanted = ApiKey(
            user=user,
            name=name,
            scopes=_ordered(scopes),
            expires_at=expires_at,
            prefix=prefix or free_prefix(),
        )
        new = _insert(wanted, by, at)
        _tell(new.key, by, "created", **_granted(new.key))
    return new


@contextmanager
def _refusing_made(prefix: str | None) -> Iterator[None]:
    """The database has the last word: two that look at once find the prefix free."""
    try:
        yield
    except IntegrityError as error:
        if prefix is None or not ApiKey.objects.filter(prefix=prefix).exists():
            raise
        raise ApiKeyMade(
            f"This form was sent before: {prefix} was made then, and shown once. If nobody "
            "copied the key, revoke it and add another."
        ) from error


@retry_collisions
def rotate_api_key(
    *,
    key_id: int,
    overlap: timedelta = DEFAULT_OVERLAP,
    expires_at: datetime | None = None,
    by: Actor,
) -> NewApiKey:
    """Make a key that replaces another, which stays valid for `overlap` (0 to 30 days), but not
    longer than it would have.

    The new one has the same user, name, scopes and, unless `expires_at` is given, the same length
    of life. Raises NotFound, ValidationError, ApiKeyEnded or ApiKeyRotated.
    """
    assert timedelta(0) <= overlap <= MAX_OVERLAP
    with atomic():
        old = _locked(key_id)
        at = timezone.now()
        if old.ended(at) or not old.user.is_active:
            raise ApiKeyEnded("Make a new key instead.")
        if ApiKey.objects.filter(replaces=old).exists():
            raise ApiKeyRotated("Rotate the key that replaced it.")
        if expires_at is None and old.expires_at is not None:
            life = old.expires_at - old.created_at
            expires_at = at + min(life, datetime.max.replace(tzinfo=UTC) - at)
        _check(name=old.name, scopes=old.scopes, expires_at=expires_at, at=at)
        old.expires_at = min(at + overlap, old.expires_at or at + overlap)
        old.save(update_fields=["expires_at"])
        wanted = ApiKey(
            user=old.user,
            name=old.name,
            scopes=old.scopes,
            expires_at=expires_at,
            replaces=old,
            prefix=free_prefix(),
        )
        new = _insert(wanted, by, at)
        _tell(new.key, by, "created", **_granted(new.key), replaces=old.prefix)
        valid_until = rfc3339(old.expires_at)
        _tell(old, by, "rotated", replaced_by=new.key.prefix, expires_at=valid_until)
    return new


@retry_collisions
def revoke_api_key(*, key_id: int, by: Actor) -> ApiKey:
    """End a key at once; one that was revoked before stays as it was. Raises NotFound."""
    with atomic():
        key = _locked(key_id)
        if key.revoked_at is None:
            _revoke(key, by, timezone.now())
    return key


def revoke_keys_of(user: User, *, by: Actor, at: datetime) -> None:
    """End every key of a user whose row is locked."""
    unrevoked = ApiKey.objects.select_for_update().filter(user=user, revoked_at__isnull=True)
    for key in unrevoked.order_by("pk"):
        _revoke(key, by, at)


def _revoke(key: ApiKey, by: Actor, at: datetime) -> None:
    key.revoked_at = at
    key.save(update_fields=["revoked_at"])
    _tell(key, by, "revoked")


def _check(*, name: str, scopes: Iterable[str], expires_at: datetime | None, at: datetime) -> None:
    errors: dict[str, ValidationError] = {}
    if not name.strip() or not name.isprintable() or len(name) > API_KEY_NAME_MAX_LENGTH:
        limit = f"Use 1 to {API_KEY_NAME_MAX_LENGTH} printable characters."
        errors["name"] = ValidationError(limit, code="invalid")
    if not set(scopes) or not set(scopes) <= set(Scope.values):
        known = ", ".join(Scope.values)
        errors["scopes"] = ValidationError(f"Give one or more of: {known}.", code="invalid")
    if expires_at is not None and expires_at <= at:
        errors["expires_at"] = ValidationError("Give a time to come.", code="in_the_past")
    if errors:
        raise ValidationError(errors)


def _ordered(scopes: Iterable[str]) -> list[str]:
    chosen = set(scopes)
    return [scope for scope in Scope.values if scope in chosen]


def _insert(wanted: ApiKey, by: Actor, at: datetime) -> NewApiKey:
    secret = secrets.token_urlsafe(32)
    wanted.secret_hash = hash_of(secret)
    wanted.created_at = at
    wanted.created_by_id = by.user_id
    wanted.save(force_insert=True)
    return NewApiKey(wanted, f"{wanted.prefix}_{secret}")


def free_prefix() -> str:
    """Of 2^40, so another is hardly ever needed; the database would refuse one taken meanwhile."""
    while True:
        prefix = KEY_START + "".join(secrets.choice(_PREFIX_ALPHABET) for _ in range(8))
        if not ApiKey.objects.filter(prefix=prefix).exists():
            return prefix


def _locked(key_id: int) -> ApiKey:
    key = ApiKey.objects.select_for_update().filter(pk=key_id).first()
    if key is None:
        raise NotFound("There is no such API key.")
    return key


def _granted(key: ApiKey) -> dict[str, object]:
    expiry = rfc3339(key.expires_at) if key.expires_at else None
    return {"scopes": key.scopes, "expires_at": expiry}


def _tell(key: ApiKey, by: Actor, action: str, **details: object) -> None:
    api_key_changed.send(sender=None, key=key, actor=by, action=action, details=details)
    on_commit(lambda: forget_key(key.prefix), robust=True)
