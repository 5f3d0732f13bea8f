"""Forms of the back-office about users and their API keys. What they accept is written by
`users.accounts` and `users.api_keys`."""

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from django import forms
from django.contrib.auth.forms import BaseUserCreationForm
from django.core.exceptions import ValidationError
from django.utils import timezone

from users.api_keys import DEFAULT_OVERLAP, MAX_OVERLAP, PREFIX, free_prefix
from users.models import API_KEY_NAME_MAX_LENGTH, User
from users.queries import existing_users
from users.roles import Scope

if TYPE_CHECKING:  # unfold ships no types; its classes extend Django's
    from django.contrib.auth.forms import AdminPasswordChangeForm
    from django.forms import CheckboxSelectMultiple, PasswordInput
    from django.forms import NumberInput as IntegerInput
    from django.forms import TextInput as AdminTextInput

    UserForm = forms.ModelForm[User]
    CreationForm = BaseUserCreationForm[User]
    PasswordChangeForm = AdminPasswordChangeForm[User]
else:
    from unfold.forms import AdminPasswordChangeForm
    from unfold.widgets import UnfoldAdminCheckboxSelectMultipleWidget as CheckboxSelectMultiple
    from unfold.widgets import UnfoldAdminIntegerFieldWidget as IntegerInput
    from unfold.widgets import UnfoldAdminPasswordWidget as PasswordInput
    from unfold.widgets import UnfoldAdminTextInputWidget as AdminTextInput

    UserForm = forms.ModelForm
    CreationForm = BaseUserCreationForm
    PasswordChangeForm = AdminPasswordChangeForm


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
    """`shown` is when the account as it was shown had been changed last."""

    shown = forms.CharField(required=False, widget=forms.HiddenInput)

    class Meta:
        model = User
        fields = ("username", "email", "role", "is_active")
        labels = LABELS

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "shown" in self.fields:  # not for those who only read
            self.fields["shown"].initial = self.instance.updated_at.isoformat()

    def clean_shown(self) -> datetime:
        try:
            return datetime.fromisoformat(self.cleaned_data["shown"])
        except ValueError:
            return datetime.min.replace(tzinfo=UTC)  # who did not look has seen nothing

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


class ApiKeyAddForm(forms.Form):
    """`key_prefix` is that of the key which it makes: sent twice, it makes one."""

    key_prefix = forms.RegexField(f"^{PREFIX}$", initial=free_prefix, widget=forms.HiddenInput)
    username = forms.CharField(label="Acts as (username)", widget=AdminTextInput)
    name = forms.CharField(
        max_length=API_KEY_NAME_MAX_LENGTH,
        help_text="What the key is for, such as “billing, production”.",
        widget=AdminTextInput,
    )
    scopes = forms.MultipleChoiceField(
        choices=[(scope, scope) for scope in Scope.values],  # as the API names them
        widget=CheckboxSelectMultiple,
    )
    days = forms.IntegerField(
        label="Valid for (days)",
        help_text="Empty: until it is revoked.",
        required=False,
        min_value=1,
        max_value=3650,
        widget=IntegerInput,
    )

    def clean_username(self) -> str:
        username: str = self.cleaned_data["username"]
        active = existing_users({"username": username, "is_active": True})
        self._user_id = active.values_list("pk", flat=True).first()
        if self._user_id is None:
            raise ValidationError("There is no active user with this name.")
        return username

    def wanted(self) -> dict[str, Any]:
        """The arguments of `api_keys.create_api_key`."""
        days = self.cleaned_data["days"]
        return {
            "user_id": self._user_id,
            "name": self.cleaned_data["name"],
            "scopes": self.cleaned_data["scopes"],
            "expires_at": timezone.now() + timedelta(days=days) if days else None,
            "prefix": self.cleaned_data["key_prefix"],
        }


def _hours(span: timedelta) -> int:
    return int(span.total_seconds()) // 3600


class RotationForm(forms.Form):
    overlap_hours = forms.IntegerField(
        label="Hours that the old key stays valid",
        initial=_hours(DEFAULT_OVERLAP),
        min_value=0,
        max_value=_hours(MAX_OVERLAP),
        widget=IntegerInput,
    )


class ConfirmationForm(forms.Form):
    """Nothing to fill in: a request to think twice."""

    confirmed = forms.BooleanField(widget=forms.HiddenInput, initial=True)


class RenewalForm(forms.Form):
    """`newest` is the recovery code that was the newest when the form was shown: sent twice, it
    makes new ones once."""

    newest = forms.IntegerField(widget=forms.HiddenInput)
