"""Sessions of the back-office leave the same traces in the audit trail as the API's tokens."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db.transaction import atomic
from django.dispatch import receiver

from users.actors import Actor
from users.lockouts import lift
from users.models import User
from users.signals import user_changed
from users.tokens import end_sessions


@receiver(user_logged_in, dispatch_uid="users.admin_logged_in")
def record_login(user: User, **_kwargs: Any) -> None:
    _send(user, "logged_in")


@receiver(user_logged_out, dispatch_uid="users.admin_logged_out")
def record_logout(user: User | None, **_kwargs: Any) -> None:
    if user is not None:
        _send(user, "logged_out")


def _send(user: User, action: str) -> None:
    with atomic():
        user_changed.send(sender=None, user=user, actor=Actor.of(user), action=action, changes={})


@contextmanager
def password_change_recorded(user_id: int, *, by: User) -> Iterator[None]:
    """When Django's form inside has changed the password of the user, every refresh token of
    theirs ends, a lock after failed sign-ins is lifted, and the audit trail tells, in the same
    database transaction."""
    with atomic():
        before = User.objects.select_for_update().filter(pk=user_id).first()
        yield
        user = User.objects.filter(pk=user_id).first()
        if user is not None and before is not None and user.password != before.password:
            end_sessions(user)
            lift(user, by=Actor.of(by))
            user_changed.send(
                sender=None,
                user=user,
                actor=Actor.of(by),
                action="password_changed",
                changes={},
            )
