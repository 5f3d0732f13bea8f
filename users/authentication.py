"""`Authorization: Bearer …`, the access tokens that a login gave, and `Api-Key …`, the keys of
backends."""

import copy
import hmac

from django.utils import timezone
from rest_framework.authentication import BaseAuthentication, get_authorization_header
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request
from rest_framework_simplejwt.authentication import JWTAuthentication
from rest_framework_simplejwt.exceptions import InvalidToken
from rest_framework_simplejwt.tokens import Token

from users.api_keys import KEY_START, hash_of, parts_of
from users.errors import InvalidApiKey
from users.identity import current_key, current_user
from users.key_usage import note_use
from users.models import ShownKey, User
from users.scopes import refuse_out_of_scope
from users.tokens import is_enough_for, is_of_password, user_id_of


class BearerAuthentication(JWTAuthentication):
    """Checks the token's signature, then the user that the database has now.

    The answer is the same for a user who is unknown, deactivated, has since changed the password,
    or must sign in again with a second factor.
    """

    def get_validated_token(self, raw_token: bytes) -> Token:
        try:
            return super().get_validated_token(raw_token)
        except (InvalidToken, RecursionError) as error:  # the latter: JSON nested without end
            if raw_token.startswith(KEY_START.encode()):
                raise _invalid("Send API keys as `Authorization: Api-Key …`.") from error
            raise _invalid() from error

    def get_user(  # type: ignore[override]  # simplejwt returns a type variable bound to nothing
        self, validated_token: Token
    ) -> User:
        user_id = user_id_of(validated_token)
        user = current_user(user_id) if user_id is not None else None
        if user is None or not user.is_active or not is_of_password(validated_token, user):
            raise _invalid()
        if not is_enough_for(validated_token, user):
            raise _invalid()
        return user


def _invalid(detail: str = "The token is invalid or expired.") -> AuthenticationFailed:
    return AuthenticationFailed(detail, code="invalid_token")


class ApiKeyAuthentication(BaseAuthentication):
    """The request is made as the key's user, who then carries the key as `shown_key`.

    The answer is the same for a key that is unknown, wrong, revoked or expired, and for one whose
    user is no longer active. What the key's scopes don't reach is refused here as well.
    """

    scheme = b"api-key"

    def authenticate(self, request: Request) -> tuple[User, ShownKey] | None:
        scheme, _, rest = get_authorization_header(request).partition(b" ")
        if scheme.lower() != self.scheme:
            return None
        found = _user_of_key(rest.decode("latin-1").strip())
        if found is None:
            raise InvalidApiKey("The API key is unknown, expired or revoked.")
        user, key = found
        note_use(key.id)
        refuse_out_of_scope(request, key)
        caller = copy.copy(user)  # the one that is remembered is shared by requests
        caller.shown_key = key
        return caller, key

    def authenticate_header(self, request: Request) -> str:
        return 'Api-Key realm="api"'


def _user_of_key(text: str) -> tuple[User, ShownKey] | None:
    parts = parts_of(text)
    key = current_key(parts[0]) if parts else None
    if parts is None or key is None:
        return None
    if not hmac.compare_digest(hash_of(parts[1]), key.secret_hash) or key.ended(timezone.now()):
        return None
    user = current_user(key.user_id)
    if user is None or not user.is_active:
        return None
    return user, ShownKey(key.pk, key.prefix, frozenset(key.scopes))
