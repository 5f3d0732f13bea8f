"""Users and API keys as the API shows them: to themselves and to staff."""

from datetime import datetime
from typing import Any

from ledgerlink.timestamps import rfc3339
from users.models import ApiKey, User
from users.tokens import ACCESS_SECONDS, TokenPair


def represent_user(user: User) -> dict[str, Any]:
    return {
        "id": user.pk,
        "username": user.username,
        "email": user.email,
        "role": str(user.role),
        "is_active": user.is_active,
        "created_at": rfc3339(user.created_at),
        "updated_at": rfc3339(user.updated_at),
    }


def represent_tokens(pair: TokenPair) -> dict[str, Any]:
    """`expires_in` is the life of the access token in seconds."""
    return {
        "access": pair.access,
        "refresh": pair.refresh,
        "token_type": "Bearer",
        "expires_in": ACCESS_SECONDS,
    }


def represent_api_key(key: ApiKey) -> dict[str, Any]:
    """Without its secret, which nobody knows but who was given it."""
    return {
        "id": key.pk,
        "user": {"id": key.user_id, "username": key.user.username},
        "name": key.name,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "replaces": key.replaces_id,
        "created_by": key.created_by_id,
        "created_at": rfc3339(key.created_at),
        "expires_at": _time(key.expires_at),
        "revoked_at": _time(key.revoked_at),
        "last_used_at": _time(key.last_used_at),
    }


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else rfc3339(moment)
