"""The second factor of a sign-in: a code of an authenticator app (TOTP), or a recovery code.

Whoever has an authenticator is always asked; with `STAFF_REQUIRE_2FA` staff must have one. Codes
are checked under the lock of the authenticator's row, so that none is accepted twice, at the API
and in the back-office together; each wrong one in a row doubles the wait for the next.
"""

import hashlib
import re
import secrets
from math import ceil

from django.conf import settings
from django.db.models import Max
from django.db.transaction import atomic
from django.template.defaultfilters import pluralize
from django.utils import timezone

from users.actors import Actor
from users.collisions import retry_collisions
from users.errors import OtpInvalid, OtpThrottled
from users.models import Authenticator, RecoveryCode, User
from users.signals import user_changed

APP_CODE = re.compile(r"[0-9]{6}")
CODE_MAX_LENGTH = 64  # characters as typed
RECOVERY_CODES = 10
_LETTERS = "0123456789abcdefghjkmnpqrstvwxyz"  # Crockford's base 32: 5 bits each
_LOOKALIKES = str.maketrans("oil", "011", "-")
_RECOVERY_LETTERS = 16


def must_have(user: User) -> bool:
    """Whether the user may work only with a second factor."""
    return bool(settings.STAFF_REQUIRE_2FA) and user.is_staff


def authenticator_of(user: User) -> Authenticator | None:
    return Authenticator.objects.filter(user_id=user.pk).first()


def recovery_codes_left(user: User) -> int:
    return RecoveryCode.objects.filter(user=user, used_at__isnull=True).count()


def newest_recovery_code(user: User) -> int:
    """Its primary key; 0 when there is none."""
    newest: int | None = RecoveryCode.objects.filter(user=user).aggregate(at=Max("pk"))["at"]
    return newest or 0


@retry_collisions
def check_code(user: User, code: str) -> Authenticator:
    """The user's authenticator, once the code is right. Raises OtpInvalid or OtpThrottled."""
    with atomic():
        device = Authenticator.objects.select_for_update().filter(user_id=user.pk).first()
        if device is None:
            raise OtpInvalid
        _refuse_throttled(device)
        accepted = _accept(device, user, code)
        if not accepted:
            by = Actor.anonymous()
            user_changed.send(
                sender=None, user=user, actor=by, action="second_factor_failed", changes={}
            )
    if not accepted:
        raise OtpInvalid("Enter the code that the app shows now, or wait for its next one.")
    return device


def new_recovery_codes(user: User) -> list[str]:
    """In place of all that there were. The user's row is locked."""
    RecoveryCode.objects.filter(user=user).delete()
    codes = [
        "".join(secrets.choice(_LETTERS) for _ in range(_RECOVERY_LETTERS))
        for _ in range(RECOVERY_CODES)
    ]
    RecoveryCode.objects.bulk_create(RecoveryCode(user=user, code_hash=_hash(c)) for c in codes)
    return ["-".join(code[at : at + 4] for at in range(0, _RECOVERY_LETTERS, 4)) for code in codes]


def forget_second_factor(user: User) -> bool:
    """Whether there was one. The user's row is locked."""
    found, _ = Authenticator.objects.filter(user_id=user.pk).delete()
    RecoveryCode.objects.filter(user=user).delete()
    return bool(found)


def _accept(device: Authenticator, user: User, code: str) -> bool:
    """Use the code up; a wrong one is counted."""
    typed = "".join(code.split()).lower()
    if APP_CODE.fullmatch(typed):
        return bool(device.verify_token(typed))
    left = recovery_codes_left(user)
    unused = RecoveryCode.objects.filter(user=user, used_at__isnull=True)
    wanted = _hash(typed.translate(_LOOKALIKES))
    if not unused.filter(code_hash=wanted).update(used_at=timezone.now()):
        device.throttle_increment()
        return False
    device.throttle_reset()
    changes = {"recovery_codes_left": [left, left - 1]}
    actor = Actor.of(user)
    user_changed.send(
        sender=None, user=user, actor=actor, action="recovery_code_used", changes=changes
    )
    return True


def _refuse_throttled(device: Authenticator) -> None:
    allowed, why = device.verify_is_allowed()
    if not allowed:
        seconds = ceil((why["locked_until"] - timezone.now()).total_seconds())
        raise OtpThrottled(
            f"Try again in {seconds} second{pluralize(seconds)}.", retry_after=max(seconds, 1)
        )


def _hash(code: str) -> str:
    return hashlib.sha256(code.encode()).hexdigest()
