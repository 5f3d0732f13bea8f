"""Reading users."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet

from users.models import User


def existing_users(filters: Mapping[str, Any]) -> QuerySet[User]:
    """The users who are not deleted; `username` and `email` match in whatever case."""
    users = User.objects.filter(deleted_at__isnull=True)
    for name in ("username", "email"):
        if name in filters:
            users = users.filter(**{f"{name}_key": filters[name].lower()})
    for name in ("role", "is_active"):
        if name in filters:
            users = users.filter(**{name: filters[name]})
    return users
