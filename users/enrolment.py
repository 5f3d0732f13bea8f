"""Setting up, replacing, turning off and resetting a second factor. Each is one database
transaction under the lock of the user's row, with its audit row inside; another authenticator, or
none, also ends the user's API sessions."""

from django.db.transaction import atomic
from django_otp.util import random_hex

from ledgerlink.errors import NotFound
from users.actors import Actor
from users.collisions import retry_collisions
from users.errors import OtpInUse, OtpInvalid, OtpMandatory, RecoveryCodesRenewed
from users.models import Authenticator, User
from users.second_factor import (
    APP_CODE,
    authenticator_of,
    forget_second_factor,
    must_have,
    new_recovery_codes,
    newest_recovery_code,
)
from users.signals import user_changed
from users.tokens import end_sessions


def new_key() -> str:
    """For an authenticator that is to be set up."""
    return str(random_hex(20))


def proposed(user: User, key: str) -> Authenticator:
    """The authenticator with this key, as it would be."""
    return Authenticator(user=user, name="authenticator app", key=key)


@retry_collisions
def enrol(*, user: User, key: str, code: str) -> tuple[Authenticator, list[str]]:
    """Make the authenticator with this key the user's, in place of one that there was; also
    returns new recovery codes. Raises OtpInvalid for a code that it does not show, and OtpInUse
    when it is set up already."""
    typed = "".join(code.split())
    with atomic():
        _lock(user)
        before = authenticator_of(user)
        if before is not None and before.key == key:
            raise OtpInUse
        device = proposed(user, key)
        if not APP_CODE.fullmatch(typed) or not device.verify_token(typed):
            raise OtpInvalid("Enter the six digits that the app shows now.")
        if before is not None:
            before.delete()
        codes = new_recovery_codes(user)
        end_sessions(user)
        action = "second_factor_enrolled" if before is None else "second_factor_replaced"
        _tell(user, Actor.of(user), action)
    return device, codes


@retry_collisions
def renew_recovery_codes(*, user: User, newest: int) -> list[str]:
    """`newest` is the code that the user saw as the newest. Raises NotFound when they have no
    authenticator, and RecoveryCodesRenewed when others were made since."""
    with atomic():
        _lock(user)
        if authenticator_of(user) is None:
            raise NotFound
        if newest_recovery_code(user) != newest:
            raise RecoveryCodesRenewed(
                "New recovery codes were made a moment ago, and shown once. If you did not save "
                "them, make new ones."
            )
        codes = new_recovery_codes(user)
        _tell(user, Actor.of(user), "recovery_codes_renewed")
    return codes


@retry_collisions
def disable(*, user: User) -> None:
    """Raises OtpMandatory."""
    if must_have(user):
        raise OtpMandatory
    with atomic():
        _lock(user)
        if forget_second_factor(user):
            end_sessions(user)
            _tell(user, Actor.of(user), "second_factor_disabled")


@retry_collisions
def reset(*, user: User, by: Actor) -> bool:
    """For somebody whose authenticator and recovery codes are lost; whether there were any."""
    with atomic():
        _lock(user)
        found = forget_second_factor(user)
        if found:
            end_sessions(user)
            _tell(user, by, "second_factor_reset")
    return found


def _lock(user: User) -> None:
    User.objects.select_for_update().get(pk=user.pk)


def _tell(user: User, actor: Actor, action: str) -> None:
    user_changed.send(sender=None, user=user, actor=actor, action=action, changes={})
