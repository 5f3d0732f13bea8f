"""Asking the table of roles, for views."""

from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from users.models import User
from users.roles import Capability


def caller(request: Request) -> User:
    """The signed-in user of a view that requires one."""
    assert isinstance(request.user, User)
    return request.user


def may_now(request: Request, capability: Capability) -> bool:
    """By the role that the database has at this moment, not the one that this process remembers:
    for what gives rights to others, who would keep them."""
    users = User.objects.filter(pk=caller(request).pk, is_active=True, deleted_at__isnull=True)
    user = users.first()
    return user is not None and user.can(capability)


def subject_id(request: Request, asked: int | None, capability: Capability) -> int:
    """Whose data the request is about: the caller's own, or those of the user `asked` for.

    Raises PermissionDenied when that is somebody else and the caller's role lacks `capability`,
    whether or not the other user exists.
    """
    user = caller(request)
    if asked is None or asked == user.pk:
        return int(user.pk)
    if not user.can(capability):
        raise PermissionDenied
    return asked
