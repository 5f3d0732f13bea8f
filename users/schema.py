"""The OpenAPI document: users, sessions and API keys."""

from typing import Any

from django.urls import get_resolver
from drf_spectacular.extensions import (
    OpenApiAuthenticationExtension,
    OpenApiSerializerExtension,
)
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

from ledgerlink.errors import LedgerError
from ledgerlink.schema import (
    A_TIME,
    LOCATION,
    NO_BODY,
    NOTES,
    PARTY,
    USER_ID,
    Json,
    component,
    describe,
    example,
    flag,
    header,
    json_answer,
    operation,
    or_null,
    page_example,
    page_of,
    record,
    request_example,
    text,
    time,
    whole,
)
from ledgerlink.schema_hooks import operations
from users import errors
from users.api import UserViewSet
from users.auth_api import LoginView, LogoutView, PasswordView, RefreshView, RegisterView
from users.key_api import ApiKeyViewSet
from users.models import API_KEY_NAME_MAX_LENGTH
from users.roles import Role, Scope
from users.scopes import SCOPES
from users.serializers import (
    ApiKeyBody,
    ApiKeyQuery,
    LoginBody,
    PasswordBody,
    RefreshBody,
    RegistrationBody,
    RotationBody,
    UserBody,
    UserQuery,
)

KEYS = "API keys"
USERS = "Users"
SESSIONS = "Sessions"
PASSWORD = "correct-horse-7"  # noqa: S105 - of the examples


class BearerScheme(OpenApiAuthenticationExtension):
    target_class = "users.authentication.BearerAuthentication"
    name = "bearer"
    priority = 1

    def get_security_definition(self, auto_schema: AutoSchema) -> Json:
        return {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "The access token of a login: `Authorization: Bearer …`.",
        }


class ApiKeyScheme(OpenApiAuthenticationExtension):
    target_class = "users.authentication.ApiKeyAuthentication"
    name = "apiKey"

    def get_security_definition(self, auto_schema: AutoSchema) -> Json:
        return {
            "type": "apiKey",
            "in": "header",
            "name": "Authorization",
            "description": "The key of a backend: `Authorization: Api-Key ll_…`, with the word "
            "`Api-Key` before it.",
        }


def tell_scopes(result: Json, **_kwargs: Any) -> Json:
    """drf-spectacular's hook: which endpoints accept API keys, and with which scope."""
    names = {
        "/" + path % dict.fromkeys(parameters, "{id}"): route
        for route in get_resolver().reverse_dict
        if isinstance(route, str)
        for path, parameters in get_resolver().reverse_dict.getlist(route)[0][0]
    }
    for path, method, described in operations(result):
        required = described.get("security", [])
        scope = SCOPES.get((method.upper(), names.get(path, "")))
        if {"apiKey": []} not in required:
            continue
        codes = described["x-refusals"]
        if scope is None:
            described["security"] = [way for way in required if way != {"apiKey": []}]
            codes.append("api_key_not_accepted")
        else:
            codes.append("insufficient_scope")
            said = f"API keys need the scope `{scope}`."
            described["description"] = f"{described.get('description', '')}\n\n{said}".strip()
    return result


NOTES.update(
    {
        "username": "Letters, digits, `.`, `_` and `-`; unique in whatever case.",
        "email": "Unique in whatever case.",
        "password": "At least 8 characters; not a common one, nor like the name.",
        "role": "For admins.",
        "otp": "What the authenticator app shows now, or a recovery code.",
        "is_active": "For admins.",
        "expires_at": "When it ends by itself; never when left out.",
        "overlap_seconds": "For how long the old key stays valid.",
        "scopes": "What it is for.",
    }
)

_NEW_NAMES: Json = {
    "username": {"pattern": "^[A-Za-z0-9][A-Za-z0-9._-]{1,49}$"},
    "email": {"format": "email"},
    "password": {"minLength": 8},
}


class DescribedRegistration(OpenApiSerializerExtension):
    """What `users.accounts` asks of names that are new, beside what the body does."""

    target_class = "users.serializers.RegistrationBody"

    def map_serializer(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        schema: Json = auto_schema._map_serializer(  # noqa: SLF001 - as the base class does
            self.target, direction, bypass_extensions=True
        )
        for name, rules in _NEW_NAMES.items():
            schema["properties"].get(name, {}).update(rules)
        return schema


class DescribedChange(DescribedRegistration):
    target_class = "users.serializers.UserBody"


# --- Shapes ---------------------------------------------------------------------------------------

ROLE = component("Role", text("What somebody may do.", enum=Role.values))
USER = component(
    "User",
    record(
        "A user as they and staff see them.",
        id=USER_ID,
        username=text(examples=["alice"]),
        email=text(format="email", examples=["alice@example.com"]),
        role=ROLE,
        is_active=flag("Whoever is not can do nothing."),
        created_at=time("When they registered."),
        updated_at=time("When they last changed."),
    ),
)
A_USER = {
    "id": 7,
    "username": "alice",
    "email": "alice@example.com",
    "role": "user",
    "is_active": True,
    "created_at": A_TIME,
    "updated_at": A_TIME,
}
_TOKENS = {
    "access": text("Sent with each request; lives for `expires_in` seconds."),
    "refresh": text("Gives a new pair, once; lives for 7 days."),
    "token_type": {"const": "Bearer"},
    "expires_in": whole("Seconds.", minimum=1, examples=[900]),
}
TOKENS = component("Tokens", record("A pair of tokens.", **_TOKENS))
SESSION = component("Session", record("Tokens, and whose they are.", user=USER, **_TOKENS))
A_PAIR = {
    "access": "eyJ…",
    "refresh": "eyJ…",
    "token_type": "Bearer",
    "expires_in": 900,
}
A_SESSION = example("Session", {**A_PAIR, "user": A_USER})
_KEY = {
    "id": whole(minimum=1),
    "user": PARTY,
    "name": text(maxLength=API_KEY_NAME_MAX_LENGTH),
    "prefix": text("Public: names the key.", examples=["ll_ab12cd34"]),
    "scopes": {"type": "array", "items": {"type": "string", "enum": Scope.values}},
    "replaces": or_null(whole("The id of the key that was rotated.", minimum=1)),
    "created_by": or_null(whole("The id of the admin.", minimum=1)),
    "created_at": time("When it was made."),
    "expires_at": or_null(time("When it ends by itself.")),
    "revoked_at": or_null(time("When it was revoked.")),
    "last_used_at": or_null(time("When it was last used, up to a minute late.")),
}
API_KEY = component("ApiKey", record("An API key, without its secret.", **_KEY))
NEW_KEY = component(
    "NewApiKey",
    record(
        "An API key, with the only showing of the key itself.",
        key=text("Keep it as you keep a password.", examples=["ll_ab12cd34_Xk3…"]),
        **_KEY,
    ),
)
A_KEY = {
    "id": 3,
    "user": {"id": 7, "username": "billing"},
    "name": "billing, production",
    "prefix": "ll_ab12cd34",
    "scopes": ["read", "deposit"],
    "replaces": None,
    "created_by": 1,
    "created_at": A_TIME,
    "expires_at": None,
    "revoked_at": None,
    "last_used_at": A_TIME,
}

# --- Endpoints ------------------------------------------------------------------------------------

_NO_STORE = header("Cache-Control", "`no-store`.", [200, 201])
_CREDENTIALS = request_example(
    "A user",
    {"username": "alice", "email": "alice@example.com", "password": PASSWORD},
)
_ONE = json_answer(USER, "The user.", example("User", A_USER))
_ENDING: list[type[LedgerError] | str] = [
    "permission_denied",
    errors.SuperuserFixed,
    errors.LastAdmin,
]
_CHANGING = [*_ENDING, errors.OwnRoleFixed]

describe(
    UserViewSet,
    list=operation(
        "users_list",
        USERS,
        "List users",
        "For staff. Deleted users are left out; names match in whatever case.",
        query=UserQuery,
        answers=json_answer(
            page_of(USER, "UserPage"), "A page of users.", page_example("Users", A_USER)
        ),
        refused=["permission_denied"],
    ),
    create=operation(
        "users_create",
        USERS,
        "Register",
        "Open to everybody while registration is. `role` counts when an admin asks.",
        body=RegistrationBody,
        headers=[LOCATION],
        answers=json_answer(USER, "The new user.", example("User", A_USER), status=201),
        refused=[errors.RegistrationClosed],
        examples=[_CREDENTIALS],
    ),
    me=operation("users_me", USERS, "The caller", answers=_ONE, refused=["not_found"]),
    retrieve=operation(
        "users_retrieve", USERS, "One user", "To users, nobody else exists.", answers=_ONE
    ),
    update=operation(
        "users_update",
        USERS,
        "Change a user",
        "`role` and `is_active` are for admins.",
        body=UserBody,
        answers=_ONE,
        refused=_CHANGING,
        examples=[request_example("All", {"username": "alice", "email": "alice.a@example.com"})],
    ),
    partial_update=operation(
        "users_partial_update",
        USERS,
        "Change parts of a user",
        "`role` and `is_active` are for admins.",
        body=UserBody,
        answers=_ONE,
        refused=_CHANGING,
        examples=[request_example("A new address", {"email": "alice.a@example.com"})],
    ),
    destroy=operation(
        "users_delete",
        USERS,
        "Delete a user",
        "Refused while money or pending transactions remain, and for the last administrator. Name "
        "and e-mail become free again.",
        answers={204: NO_BODY},
        refused=[*_ENDING, errors.UserHasMoney],
    ),
)

describe(
    RegisterView,
    post=operation(
        "auth_register",
        SESSIONS,
        "Register and sign in",
        "As `POST /users`, answered with tokens as well.",
        body=RegistrationBody,
        headers=[LOCATION, _NO_STORE],
        answers=json_answer(
            SESSION,
            "The new user, signed in.",
            A_SESSION,
            status=201,
        ),
        refused=[errors.RegistrationClosed],
        examples=[_CREDENTIALS],
    ),
)

describe(
    LoginView,
    post=operation(
        "auth_login",
        SESSIONS,
        "Sign in",
        "With either `username` or `email`. The answer is the same, in the same time, for a user "
        "who is unknown and for a wrong password. Staff who have set up two-step sign-in also send "
        "`otp`; with `STAFF_REQUIRE_2FA` all staff must.",
        body=LoginBody,
        headers=[_NO_STORE],
        answers=json_answer(SESSION, "Signed in.", A_SESSION),
        refused=[
            errors.InvalidCredentials,
            errors.LoginLocked,
            errors.OtpRequired,
            errors.OtpInvalid,
            errors.OtpThrottled,
            errors.OtpNotSetUp,
        ],
        examples=[
            request_example("By name", {"username": "alice", "password": PASSWORD}),
            request_example("By e-mail", {"email": "alice@example.com", "password": PASSWORD}),
            request_example(
                "With a code", {"username": "finance", "password": PASSWORD, "otp": "492039"}
            ),
        ],
    ),
)

_REFRESH = request_example("A session", {"refresh": A_PAIR["refresh"]})

describe(
    RefreshView,
    post=operation(
        "auth_refresh",
        SESSIONS,
        "New tokens",
        "A refresh token is used up by this; one that was used before is refused.",
        body=RefreshBody,
        headers=[_NO_STORE],
        answers=json_answer(TOKENS, "A new pair.", example("Tokens", A_PAIR)),
        refused=[errors.InvalidRefreshToken],
        examples=[_REFRESH],
    ),
)

describe(
    LogoutView,
    post=operation(
        "auth_logout",
        SESSIONS,
        "Sign out",
        "Ends the refresh token; once more does no harm.",
        body=RefreshBody,
        answers={204: NO_BODY},
        refused=[errors.InvalidRefreshToken],
        examples=[_REFRESH],
    ),
)

describe(
    PasswordView,
    post=operation(
        "auth_password",
        SESSIONS,
        "Change the password",
        "Ends every session of the caller, this one too.",
        body=PasswordBody,
        answers={204: NO_BODY},
        examples=[
            request_example(
                "A better one",
                {"current_password": "battery-staple-1", "new_password": "battery-staple-2"},
            )
        ],
    ),
)

_KEY_HEADERS = [LOCATION, header("Cache-Control", "`no-store`.", [201])]
_NEW_KEY = json_answer(
    NEW_KEY,
    "The new key, shown this once.",
    example("New key", {"key": "ll_ab12cd34_Xk3…", **A_KEY, "last_used_at": None}),
    status=201,
)

describe(
    ApiKeyViewSet,
    list=operation(
        "api_keys_list",
        KEYS,
        "List API keys",
        "Newest first, revoked and expired ones as well.",
        query=ApiKeyQuery,
        answers=json_answer(
            page_of(API_KEY, "ApiKeyPage"), "A page of keys.", page_example("Keys", A_KEY)
        ),
        refused=["permission_denied"],
    ),
    create=operation(
        "api_keys_create",
        KEYS,
        "Make an API key",
        "It acts as the user `user_id`, as far as its scopes reach.",
        body=ApiKeyBody,
        refused=["permission_denied"],
        examples=[
            request_example(
                "Billing",
                {"user_id": 7, "name": "billing, production", "scopes": ["read", "deposit"]},
            )
        ],
        headers=_KEY_HEADERS,
        answers=_NEW_KEY,
    ),
    retrieve=operation(
        "api_keys_retrieve",
        KEYS,
        "One API key",
        "Revoked and expired ones as well.",
        answers=json_answer(API_KEY, "The key, without its secret.", example("Key", A_KEY)),
        refused=["permission_denied"],
    ),
    rotate=operation(
        "api_keys_rotate",
        KEYS,
        "Replace an API key",
        "The old one stays valid for `overlap_seconds`, but not longer than it would have.",
        body=RotationBody,
        refused=["permission_denied", errors.ApiKeyEnded, errors.ApiKeyRotated],
        examples=[request_example("Within an hour", {"overlap_seconds": 3600})],
        headers=_KEY_HEADERS,
        answers=_NEW_KEY,
    ),
    destroy=operation(
        "api_keys_revoke",
        KEYS,
        "Revoke an API key",
        "For good; to ask again changes nothing.",
        answers={204: NO_BODY},
        refused=["permission_denied"],
    ),
)
