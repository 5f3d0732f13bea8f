"""Access and refresh tokens: given at login, rotated at refresh, ended at logout. They tell
whether a second factor was shown at that login (`amr`, RFC 8176).

Of a refresh token the database keeps the id and the expiry, not the token itself. Using one up and
ending them all both lock the user's row first, so a token can't be used twice at once, nor slip
through a change of password.
"""

import hmac
from dataclasses import dataclass

from django.contrib.auth import authenticate
from django.db.transaction import atomic
from django.utils import timezone
from rest_framework_simplejwt.exceptions import ExpiredTokenError, TokenError
from rest_framework_simplejwt.settings import api_settings
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken
from rest_framework_simplejwt.tokens import AccessToken, RefreshToken, Token
from rest_framework_simplejwt.utils import datetime_from_epoch, get_md5_hash_password

from users.actors import Actor
from users.collisions import retry_collisions
from users.errors import InvalidCredentials, InvalidRefreshToken, OtpNotSetUp, OtpRequired
from users.models import User
from users.second_factor import authenticator_of, check_code, must_have
from users.signals import login_failed, user_changed

METHODS_CLAIM = "amr"
PASSWORD, SECOND_FACTOR = "pwd", "otp"
ACCESS_SECONDS = int(AccessToken.lifetime.total_seconds())
MAX_ID_DIGITS = 18  # more might not fit into 64 bits


@dataclass(frozen=True, slots=True)
class TokenPair:
    access: str
    refresh: str


class _Refresh(RefreshToken):
    """Checks signature, expiry and type; the blacklist is asked under the lock of the user."""

    def check_blacklist(self) -> None:
        """Left to `_use_up`."""


def user_id_of(token: Token) -> int | None:
    """Whose token it claims to be; None for what no user's id can be."""
    claim = str(token.get(api_settings.USER_ID_CLAIM, ""))
    return int(claim) if claim.isdecimal() and len(claim) <= MAX_ID_DIGITS else None


def is_of_password(token: Token, user: User) -> bool:
    """Whether the user's password is still the one that the token was issued under."""
    claim = str(token.get(api_settings.REVOKE_TOKEN_CLAIM, ""))
    return hmac.compare_digest(claim, get_md5_hash_password(user.password))


def is_enough_for(token: Token, user: User) -> bool:
    """Whether the token is of a login with a second factor, where the user must have one."""
    return not must_have(user) or SECOND_FACTOR in token.get(METHODS_CLAIM, ())


def issue(user: User, *, second_factor: bool = False) -> TokenPair:
    """A new pair of tokens, which end when the password changes."""
    refresh = RefreshToken()
    refresh[METHODS_CLAIM] = [PASSWORD, SECOND_FACTOR] if second_factor else [PASSWORD]
    refresh[api_settings.USER_ID_CLAIM] = str(user.pk)
    refresh[api_settings.REVOKE_TOKEN_CLAIM] = get_md5_hash_password(user.password)
    OutstandingToken.objects.create(
        user=user,
        jti=refresh[api_settings.JTI_CLAIM],
        created_at=refresh.current_time,
        expires_at=datetime_from_epoch(refresh["exp"]),
    )
    return TokenPair(access=str(refresh.access_token), refresh=str(refresh))


def log_in(*, identifier: str, password: str, otp: str = "", by: Actor) -> tuple[User, TokenPair]:
    """Check a username or e-mail, a password, and, of whoever has an authenticator, a code.

    Raises InvalidCredentials, the same and in the same time whoever is unknown, deactivated,
    deleted, or gave the wrong password; after the right one OtpRequired, OtpInvalid, OtpThrottled
    or OtpNotSetUp.
    """
    user = authenticate(username=identifier, password=password)
    if not isinstance(user, User):
        with atomic():
            login_failed.send(sender=None, identifier=identifier, actor=by)
        raise InvalidCredentials("There is no active user with this name and password.")
    second_factor = _second_factor_shown(user, otp)
    with atomic():
        pair = issue(user, second_factor=second_factor)
        actor = Actor.of(user)
        user_changed.send(sender=None, user=user, actor=actor, action="logged_in", changes={})
    return user, pair


def _second_factor_shown(user: User, otp: str) -> bool:
    if authenticator_of(user) is None:
        if must_have(user):
            raise OtpNotSetUp("Sign in to the back-office, which leads you through it.")
        return False
    if not otp:
        raise OtpRequired("Send the code that the authenticator app shows now as `otp`.")
    check_code(user, otp)
    return True


@retry_collisions
def rotate(text: str) -> TokenPair:
    """Give a new pair for a refresh token, which is thereby used up. Raises InvalidRefreshToken
    also for one that is used up already or whose user is no longer active."""
    token = _read(text)
    with atomic():
        user = _locked_user(token)
        if user is None or not _is_usable(token, user) or not _use_up(token):
            raise InvalidRefreshToken
        return issue(user, second_factor=SECOND_FACTOR in token.get(METHODS_CLAIM, ()))


@retry_collisions
def log_out(text: str) -> None:
    """Use up a refresh token; one that is expired or used up already stays so. Raises
    InvalidRefreshToken for one that is not ours."""
    try:
        token = _read(text)
    except _Expired:
        return
    with atomic():
        user = _locked_user(token)
        if user is not None and _use_up(token):
            actor = Actor.of(user)
            user_changed.send(sender=None, user=user, actor=actor, action="logged_out", changes={})


def end_sessions(user: User) -> None:
    """Use up every refresh token of a user whose row is locked."""
    open_tokens = OutstandingToken.objects.filter(
        user=user, expires_at__gt=timezone.now(), blacklistedtoken__isnull=True
    )
    BlacklistedToken.objects.bulk_create(
        [BlacklistedToken(token=token) for token in open_tokens], ignore_conflicts=True
    )


class _Expired(InvalidRefreshToken):
    pass


def _read(text: str) -> RefreshToken:
    try:
        return _Refresh(text)  # type: ignore[arg-type]  # simplejwt's annotation is wrong
    except ExpiredTokenError as error:
        raise _Expired from error
    except (TokenError, RecursionError) as error:  # RecursionError: JSON nested without end
        raise InvalidRefreshToken from error


def _locked_user(token: Token) -> User | None:
    user_id = user_id_of(token)
    if user_id is None:
        return None
    return User.objects.select_for_update().filter(pk=user_id).first()


def _is_usable(token: Token, user: User) -> bool:
    return user.is_active and is_of_password(token, user) and is_enough_for(token, user)


def _use_up(token: RefreshToken) -> bool:
    """False when the token was used up before. Its user's row is locked."""
    issued = OutstandingToken.objects.filter(jti=token[api_settings.JTI_CLAIM]).first()
    if issued is None:
        return False
    _, is_new = BlacklistedToken.objects.get_or_create(token=issued)
    return is_new
