"""Forms of the back-office about users. What they accept is written by `users.accounts`."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.forms import BaseUserCreationForm
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.db.transaction import atomic

from users.actors import Actor
from users.backends import MAX_PASSWORD_LENGTH
from users.models import User
from users.signals import login_failed

if TYPE_CHECKING:  # unfold ships no types; its classes extend Django's
    from django.contrib.admin.forms import AdminAuthenticationForm as AuthenticationForm
    from django.contrib.auth.forms import AdminPasswordChangeForm
    from django.forms import PasswordInput

    UserForm = forms.ModelForm[User]
    CreationForm = BaseUserCreationForm[User]
    PasswordChangeForm = AdminPasswordChangeForm[User]
else:
    from unfold.forms import AdminPasswordChangeForm, AuthenticationForm
    from unfold.widgets import UnfoldAdminPasswordWidget as PasswordInput

    UserForm = forms.ModelForm
    CreationForm = BaseUserCreationForm
    PasswordChangeForm = AdminPasswordChangeForm


class LoginForm(AuthenticationForm):
    """Signs staff in by username or e-mail; a refusal is kept in the audit trail."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["username"].label = "Username or e-mail"

    def get_invalid_login_error(self) -> ValidationError:
        identifier = self.cleaned_data.get("username", "")
        with atomic():
            login_failed.send(sender=None, identifier=identifier, actor=Actor.anonymous())
        return super().get_invalid_login_error()


def _taken(user: User, **names: str) -> dict[str, str]:
    """Which names somebody else has, in whatever case; those of deleted users are free."""
    others = User.objects.exclude(pk=user.pk)
    return {
        field: "Somebody else has this one already."
        for field, name in names.items()
        if name and others.filter(**{f"{field}_key": name.lower()}).exists()
    }


LABELS = {"email": "E-mail", "is_active": "Active"}


class UserChangeForm(UserForm):
    class Meta:
        model = User
        fields = ("username", "email", "role", "is_active")
        labels = LABELS

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or self.cleaned_data
        names = {field: cleaned.get(field, "") for field in ("username", "email")}
        for field, error in _taken(self.instance, **names).items():
            self.add_error(field, error)
        return cleaned


class UserAddForm(CreationForm):
    class Meta:
        model = User
        fields = ("username", "email", "role")
        labels = LABELS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("password1", "password2"):
            self.fields[name].widget = PasswordInput(attrs={"autocomplete": "new-password"})
        _limit_length(self.fields["password1"])

    def clean(self) -> dict[str, Any]:
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        names = {field: cleaned.get(field, "") for field in ("username", "email")}
        for field, error in _taken(self.instance, **names).items():
            self.add_error(field, error)
        return cleaned


class PasswordForm(PasswordChangeForm):
    """A new password for somebody else; passwords are not switched off here, users are."""

    def __init__(self, user: User, *args: Any, **kwargs: Any) -> None:
        super().__init__(user, *args, **kwargs)
        self.fields.pop("usable_password", None)
        _limit_length(self.fields["password1"])


def _limit_length(field: forms.Field) -> None:
    """A longer password could never be used to sign in."""
    field.validators.append(MaxLengthValidator(MAX_PASSWORD_LENGTH))
