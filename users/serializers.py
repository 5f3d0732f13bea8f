"""The bodies and query strings of `/users` and `/auth`.

They check shapes and lengths; what a name, an e-mail or a password may be is decided by
`users.accounts`, for commands and the back-office as well.
"""

from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail

from ledgerlink.serializers import (
    FlagField,
    IdField,
    MomentField,
    OneOfField,
    PageQuery,
    QueryIdField,
    StrictSerializer,
    TextField,
    WholeNumberField,
)
from users.api_keys import DEFAULT_OVERLAP, MAX_OVERLAP
from users.backends import MAX_PASSWORD_LENGTH
from users.models import API_KEY_NAME_MAX_LENGTH, EMAIL_MAX_LENGTH, USERNAME_MAX_LENGTH
from users.roles import Role, Scope
from users.second_factor import CODE_MAX_LENGTH

REFRESH_TOKEN_MAX_LENGTH = 4096


class PasswordField(TextField):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=MAX_PASSWORD_LENGTH, trim_whitespace=False, **kwargs)


class RegistrationBody(StrictSerializer):
    username = TextField(max_length=USERNAME_MAX_LENGTH, trim_whitespace=False)
    email = TextField(max_length=EMAIL_MAX_LENGTH, trim_whitespace=False)
    password = PasswordField()
    role = serializers.ChoiceField(Role.choices, default=Role.USER)


class UserBody(StrictSerializer):
    """PUT; with `partial`, PATCH."""

    username = TextField(max_length=USERNAME_MAX_LENGTH, trim_whitespace=False)
    email = TextField(max_length=EMAIL_MAX_LENGTH, trim_whitespace=False)
    role = serializers.ChoiceField(Role.choices, required=False)
    is_active = FlagField(required=False)


class UserQuery(PageQuery):
    username = serializers.CharField(max_length=USERNAME_MAX_LENGTH, required=False)
    email = serializers.CharField(max_length=EMAIL_MAX_LENGTH, required=False)
    role = OneOfField(Role.values, required=False)
    is_active = OneOfField(["true", "false"], required=False)

    def validate_is_active(self, value: str) -> bool:
        return value == "true"


class LoginBody(StrictSerializer):
    """Becomes `identifier`, `password` and `otp`, which is empty when it was not sent."""

    username = TextField(max_length=EMAIL_MAX_LENGTH, required=False)
    email = TextField(max_length=EMAIL_MAX_LENGTH, required=False)
    password = PasswordField()
    otp = TextField(max_length=CODE_MAX_LENGTH, default="")

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        given = [attrs[name] for name in ("username", "email") if name in attrs]
        if len(given) != 1:
            either = ErrorDetail("Send either `username` or `email`.", code="either_required")
            raise serializers.ValidationError({"username": [either]})
        return {"identifier": given[0], "password": attrs["password"], "otp": attrs["otp"]}


class RefreshBody(StrictSerializer):
    refresh = TextField(max_length=REFRESH_TOKEN_MAX_LENGTH)


class PasswordBody(StrictSerializer):
    current_password = PasswordField()
    new_password = PasswordField()


class ScopesField(serializers.ListField):
    """Names of scopes, each a JSON string."""

    child = serializers.ChoiceField(Scope.choices)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=1, max_length=len(Scope), **kwargs)


class ApiKeyBody(StrictSerializer):
    user_id = IdField()
    name = TextField(max_length=API_KEY_NAME_MAX_LENGTH)
    scopes = ScopesField()
    expires_at = MomentField(default=None, allow_null=True)


class RotationBody(StrictSerializer):
    overlap_seconds = WholeNumberField(
        min_value=0,
        max_value=int(MAX_OVERLAP.total_seconds()),
        default=int(DEFAULT_OVERLAP.total_seconds()),
    )
    expires_at = MomentField(default=None, allow_null=True)


class ApiKeyQuery(PageQuery):
    user_id = QueryIdField(required=False)
