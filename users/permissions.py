"""Asking the table of roles, for views."""

from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request

from users.models import User
from users.roles import Capability


def caller(request: Request) -> User:
    """The signed-in user of a view that requires one."""
    assert isinstance(request.user, User)
    return request.user


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
