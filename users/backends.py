"""Sign-in by username or e-mail, in the same time whether the user exists or not, and only while
the name is not locked."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from users.lockouts import note_failure, note_success, refuse_locked
from users.models import User
from users.queries import user_named

MAX_PASSWORD_LENGTH = 128  # characters; a longer one is never hashed


class UsernameOrEmailBackend(ModelBackend):
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_kwargs: Any,
    ) -> User | None:
        """Raises LoginLocked."""
        if not username or password is None or len(password) > MAX_PASSWORD_LENGTH:
            return None
        refuse_locked(username)
        user = self._user_with(username, password)
        if user is None:
            note_failure(username)
        else:
            note_success(user, username)
        return user

    def _user_with(self, identifier: str, password: str) -> User | None:
        user = user_named(identifier)
        if user is None:
            User().set_password(password)  # spends the time that a real check would
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None
