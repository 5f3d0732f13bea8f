"""Asking somebody who is signed in for the password once more, as strictly as at the sign-in."""

from django.contrib.auth import authenticate
from django.db.transaction import atomic

from users.actors import Actor
from users.errors import InvalidCredentials
from users.models import User
from users.second_factor import authenticator_of, check_code
from users.signals import login_failed


def confirm_password(user: User, password: str) -> None:
    """Raises InvalidCredentials or LoginLocked."""
    if authenticate(username=user.username, password=password) != user:
        with atomic():
            login_failed.send(sender=None, identifier=user.username, actor=Actor.of(user))
        raise InvalidCredentials("This is not your password.")


def confirm_identity(user: User, password: str, code: str) -> None:
    """Also with a code, of whoever has an authenticator. Raises OtpInvalid and OtpThrottled as
    well."""
    confirm_password(user, password)
    if authenticator_of(user) is not None:
        check_code(user, code)
