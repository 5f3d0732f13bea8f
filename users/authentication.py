"""`Authorization: Bearer …`: the access tokens that a login gave."""

import hmac

from rest_framework.exceptions import AuthenticationFailed
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.tokens import Token
from rest_framework_simplejwt.utils import get_md5_hash_password

from users.identity import current_user
from users.models import User


class BearerAuthentication(JWTAuthentication):
    """Checks the token's signature, then the user that the database has now.

    The answer is the same for a user who is unknown, deactivated, or has since changed the
    password.
    """

    def get_user(self, validated_token: Token) -> User:
        claim = str(validated_token.get(api_settings.USER_ID_CLAIM, ""))
        user = current_user(int(claim)) if claim.isdecimal() else None
        if user is None or not user.is_active or not _same_password(validated_token, user):
            raise AuthenticationFailed("The token is invalid or expired.", code="invalid_token")
        return user


def _same_password(token: Token, user: User) -> bool:
    revoke = str(token.get(api_settings.REVOKE_TOKEN_CLAIM, ""))
    return hmac.compare_digest(revoke, get_md5_hash_password(user.password))
