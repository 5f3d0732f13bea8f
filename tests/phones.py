"""The phones of staff: authenticator apps whose clock a test sets."""

from types import SimpleNamespace

import pytest
from django_otp.oath import TOTP
from django_otp.plugins.otp_totp import models

from users.enrolment import enrol, new_key, proposed
from users.models import Authenticator, User

START = 1_790_000_010.0  # seconds since 1970, in the middle of a code's half minute
STEP = 30  # seconds that a code is shown


class Phones:
    """Their clock is the server's as well, and stands still until it is moved on."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = START
        monkeypatch.setattr(models, "time", SimpleNamespace(time=lambda: self.now))

    def code(self, secret: bytes, steps: int = 0) -> str:
        """What the app shows; with `steps`, so many codes later."""
        app = TOTP(secret)
        app.time = self.now + steps * STEP
        return f"{app.token():06d}"

    def next_code(self, user: User) -> str:
        """One that was not used before."""
        self.now += STEP
        return self.code(Authenticator.objects.get(user_id=user.pk).bin_key)

    def set_up(self, user: User) -> list[str]:
        """Make it the user's second factor; returns the recovery codes."""
        key = new_key()
        code = self.code(proposed(user, key).bin_key)
        _device, recovery_codes = enrol(user=user, key=key, code=code)
        return recovery_codes
