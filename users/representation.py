"""Users as the API shows them: to themselves and to staff."""

from typing import Any

from ledgerlink.timestamps import rfc3339
from users.models import User
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
