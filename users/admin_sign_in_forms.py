"""The back-office's forms about signing in. What they hold is checked by `users.backends` and
`users.second_factor`."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.transaction import atomic

from ledgerlink.errors import LedgerError, TryAgainLater
from ledgerlink.login_form import LimitedLoginForm
from users.actors import Actor
from users.backends import MAX_PASSWORD_LENGTH
from users.errors import InvalidCredentials, LoginLocked
from users.models import User
from users.reauthentication import confirm_password
from users.second_factor import CODE_MAX_LENGTH
from users.signals import login_failed

if TYPE_CHECKING:  # unfold ships no types; its classes extend Django's
    from django.contrib.admin.forms import AdminPasswordChangeForm as AdminOwnPasswordChangeForm
    from django.forms import PasswordInput
    from django.forms import TextInput as AdminTextInput
else:
    from unfold.forms import AdminOwnPasswordChangeForm
    from unfold.widgets import UnfoldAdminPasswordWidget as PasswordInput
    from unfold.widgets import UnfoldAdminTextInputWidget as AdminTextInput

APP_CODE = {
    "label": "Six-digit code",
    "help_text": "What the authenticator app shows now for Ledger Link.",
}
RECOVERY_CODE = {
    "label": "Recovery code",
    "help_text": "One of those that you saved. Each is good for one time.",
}


def told(error: LedgerError) -> str:
    """As a sentence, or two when there is a time to wait."""
    return f"{error.title}. {error.detail}" if isinstance(error, TryAgainLater) else error.detail


class LoginForm(LimitedLoginForm):
    """Signs staff in by username or e-mail; a refusal is kept in the audit trail."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "Username or e-mail"

    def clean(self) -> dict[str, Any]:
        try:
            return super().clean()
        except LoginLocked as error:
            raise ValidationError(told(error), code=error.code) from error

    def get_invalid_login_error(self) -> ValidationError:
        identifier = self.cleaned_data.get("username", "")
        with atomic():
            login_failed.send(sender=None, identifier=identifier, actor=Actor.anonymous())
        return super().get_invalid_login_error()


class OwnPasswordForm(AdminOwnPasswordChangeForm):
    """Counts a wrong old password as a failed sign-in: nobody guesses it at an unlocked screen."""

    user: User

    def clean_old_password(self) -> str:
        password: str = self.cleaned_data["old_password"]
        try:
            confirm_password(self.user, password)
        except (InvalidCredentials, LoginLocked) as error:
            raise ValidationError(told(error), code=error.code) from error
        return password


class _RefusableForm(forms.Form):
    def passes(self, check: Callable[[dict[str, Any]], object], field: str) -> bool:
        """Whether it is filled in rightly and `check` refuses nothing; else the form tells why."""
        if not self.is_valid():
            return False
        try:
            check(self.cleaned_data)
        except LedgerError as error:
            self.add_error(field, told(error))
        return not self.errors


class CodeForm(_RefusableForm):
    code = forms.CharField(max_length=CODE_MAX_LENGTH)

    def __init__(self, *args: Any, recovery: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        code = self.fields["code"]
        kind = RECOVERY_CODE if recovery else APP_CODE
        code.label, code.help_text = kind["label"], kind["help_text"]
        attrs = {"autocomplete": "off" if recovery else "one-time-code", "spellcheck": "false"}
        keyboard = {"autocapitalize": "none"} if recovery else {"inputmode": "numeric"}
        code.widget = AdminTextInput(attrs={**attrs, **keyboard, "autofocus": True})


class IdentityForm(_RefusableForm):
    """Who has an authenticator also gives a code."""

    password = forms.CharField(
        max_length=MAX_PASSWORD_LENGTH,
        strip=False,
        widget=PasswordInput(attrs={"autocomplete": "current-password", "autofocus": True}),
    )
    code = forms.CharField(
        max_length=CODE_MAX_LENGTH,
        label="Code",
        help_text="What the authenticator app shows now, or a recovery code.",
        widget=AdminTextInput(attrs={"autocomplete": "one-time-code", "spellcheck": "false"}),
    )

    def __init__(self, *args: Any, with_code: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not with_code:
            del self.fields["code"]
