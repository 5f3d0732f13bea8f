"""Sign-in by username or e-mail, in the same time whether the user exists or not."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.db.models import Q
from django.http import HttpRequest

from users.models import User
from users.queries import key_of

MAX_PASSWORD_LENGTH = 128  # characters; a longer one is never hashed


class UsernameOrEmailBackend(ModelBackend):
    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **_kwargs: Any,
    ) -> User | None:
        if not username or password is None or len(password) > MAX_PASSWORD_LENGTH:
            return None
        key = key_of(username)
        # A username can't hold "@", so at most one of the two keys can match.
        user = User.objects.filter(Q(username_key=key) | Q(email_key=key)).first()
        if user is None:
            User().set_password(password)  # spends the time that a real check would
            return None
        if user.check_password(password) and self.user_can_authenticate(user):
            return user
        return None
