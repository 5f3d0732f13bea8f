"""`Authorization: Bearer …`: the access tokens that a login gave."""

from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.tokens import Token

from users.identity import current_user
from users.models import User
from users.tokens import is_of_password, user_id_of


class BearerAuthentication(JWTAuthentication):
    """Checks the token's signature, then the user that the database has now.

    The answer is the same for a user who is unknown, deactivated, or has since changed the
    password.
    """

    def get_validated_token(self, raw_token: bytes) -> Token:
        try:
            return super().get_validated_token(raw_token)
        except RecursionError as error:  # JSON nested without end in place of a token
            raise _invalid() from error

    def get_user(  # type: ignore[override]  # simplejwt returns a type variable bound to nothing
        self, validated_token: Token
    ) -> User:
        user_id = user_id_of(validated_token)
        user = current_user(user_id) if user_id is not None else None
        if user is None or not user.is_active or not is_of_password(validated_token, user):
            raise _invalid()
        return user


def _invalid() -> AuthenticationFailed:
    return AuthenticationFailed("The token is invalid or expired.", code="invalid_token")
