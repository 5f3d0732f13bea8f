"""A rule for passwords beside Django's own."""

from django.core.exceptions import ValidationError

from users.backends import MAX_PASSWORD_LENGTH
from users.models import User


class MaximumLengthValidator:
    """A longer password could be set, but never be signed in with."""

    def validate(self, password: str, user: User | None = None) -> None:
        if len(password) > MAX_PASSWORD_LENGTH:
            raise ValidationError(self.get_help_text(), code="max_length")

    def get_help_text(self) -> str:
        return f"A password has at most {MAX_PASSWORD_LENGTH} characters."
