"""Users, their roles, and the API keys of those that are programs."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar, Self

from django.contrib.auth.base_user import AbstractBaseUser, BaseUserManager
from django.contrib.auth.models import PermissionsMixin
from django.core.validators import RegexValidator, validate_email
from django.db import models
from django.db.models import Case, F, GeneratedField, Q, When
from django.db.models.functions import Lower
from django.db.transaction import atomic
from django.utils import timezone
from django.utils.crypto import salted_hmac
from django_otp.plugins.otp_totp.models import TOTPDevice

from users.actors import Actor
from users.roles import CAPABILITIES, STAFF_ROLES, Capability, Role
from users.signals import users_created

USERNAME_MAX_LENGTH = 50
EMAIL_MAX_LENGTH = 254
API_KEY_NAME_MAX_LENGTH = 64
NOTE_MAX_LENGTH = 2000
MAX_CODE_FAILURES = 11  # counted in a row; the wait doubles with each, to 17 minutes
API_KEY_PREFIX_LENGTH = 11  # ll_ and eight letters and digits
validate_username = RegexValidator(
    r"\A[A-Za-z0-9][A-Za-z0-9._-]{1,49}\Z",
    "2 to 50 letters, digits, dots, hyphens and underscores, beginning with a letter or digit.",
)


def _while_not_deleted(name: str) -> Case:
    """The lower-cased text, or NULL (which is unique to nobody) once deleted or when empty."""
    return Case(
        When(Q(deleted_at__isnull=True) & ~Q(**{name: ""}), then=Lower(name)),
        default=None,
        output_field=models.CharField(max_length=EMAIL_MAX_LENGTH),
    )


class UserManager(BaseUserManager["User"]):
    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(username_key=(username or "").lower())

    def create_user(
        self, username: str, email: str = "", password: str | None = None, **fields: Any
    ) -> "User":
        user = self.model(username=username, email=email, **fields)
        user.set_password(password)
        user.full_clean()
        user.save(using=self._db)
        return user

    def create_superuser(self, username: str, email: str, password: str, **fields: Any) -> "User":
        """For `manage.py createsuperuser`: the first administrator of a new installation."""
        with atomic():
            user = self.create_user(
                username, email, password, role=Role.ADMIN, is_superuser=True, **fields
            )
            users_created.send(sender=None, users=[user], actor=Actor.system("createsuperuser"))
        return user


@dataclass(frozen=True, slots=True)
class ShownKey:
    """The API key that a request was made with."""

    id: int
    prefix: str
    scopes: frozenset[str]


class User(AbstractBaseUser, PermissionsMixin):
    """A person or a backend that owns balances, or works with those of others by its role.

    Never deleted from the table: the books refer to it. A soft delete sets `deleted_at`, and the
    generated keys then let go of the name and the e-mail.
    """

    username = models.CharField(max_length=USERNAME_MAX_LENGTH, validators=[validate_username])
    email = models.CharField(max_length=EMAIL_MAX_LENGTH, blank=True, validators=[validate_email])
    role = models.CharField(max_length=10, choices=Role, default=Role.USER)
    is_active = models.BooleanField(default=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(auto_now=True)

    username_key = GeneratedField(
        expression=_while_not_deleted("username"),
        output_field=models.CharField(max_length=USERNAME_MAX_LENGTH, null=True),
        db_persist=True,
    )
    email_key = GeneratedField(
        expression=_while_not_deleted("email"),
        output_field=models.CharField(max_length=EMAIL_MAX_LENGTH, null=True),
        db_persist=True,
    )

    objects: ClassVar[UserManager] = UserManager()

    shown_key: ShownKey | None = None  # set by authentication, on a copy for the one request

    USERNAME_FIELD = "username"
    EMAIL_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["email"]

    class Meta:
        # For the lists of staff: few users are not of the most common kind.
        indexes: ClassVar[list[models.Index]] = [
            models.Index(fields=["role"], name="user_by_role"),
            models.Index(fields=["is_active"], name="user_by_activity"),
            models.Index(fields=["deleted_at"], name="user_by_deletion"),
        ]
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(
                fields=["username_key"],
                name="user_username_once",
                violation_error_code="unique",
                violation_error_message="This username is taken.",
            ),
            models.UniqueConstraint(
                fields=["email_key"],
                name="user_email_once",
                violation_error_code="unique",
                violation_error_message="This e-mail address is taken.",
            ),
            models.CheckConstraint(condition=Q(role__in=Role.values), name="user_role_known"),
            models.CheckConstraint(condition=~Q(username=""), name="user_username_not_empty"),
            models.CheckConstraint(
                condition=Q(deleted_at__isnull=True) | Q(is_active=False),
                name="user_deleted_is_inactive",
            ),
        ]

    def __str__(self) -> str:
        return self.username

    def clean(self) -> None:
        super().clean()
        self.email = self.email.lower()

    @property
    def is_staff(self) -> bool:
        """Whether the back-office lets this user in."""
        return self.is_superuser or Role(self.role) in STAFF_ROLES

    @property
    def is_active_admin(self) -> bool:
        return self.role == Role.ADMIN and self.is_active

    def can(self, capability: Capability) -> bool:
        return capability in CAPABILITIES[Role(self.role)]

    def is_below(self, other: "User") -> bool:
        """Only a superuser changes another superuser."""
        return other.is_superuser and not self.is_superuser


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def usable(self, at: datetime) -> Self:
        """Neither revoked nor expired; whether the user is active is another matter."""
        return self.filter(
            Q(expires_at__isnull=True) | Q(expires_at__gt=at), revoked_at__isnull=True
        )


class ApiKey(models.Model):
    """A long-lived credential of a backend, which acts as `user`.

    The key itself is not here, only the SHA-256 of its secret part. That part is 32 random bytes,
    which nobody can guess at any speed; slow hashes are for passwords, which people choose.
    """

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="api_keys")
    name = models.CharField(max_length=API_KEY_NAME_MAX_LENGTH)
    prefix = models.CharField(max_length=API_KEY_PREFIX_LENGTH)  # public, to find it by
    secret_hash = models.CharField(max_length=64)  # hex
    scopes = models.JSONField(default=list)  # of Scope, in its order
    replaces = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="replaced_by"
    )
    created_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, related_name="+")
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)
    last_used_at = models.DateTimeField(null=True, blank=True)  # up to a minute late

    objects: ClassVar[ApiKeyQuerySet] = ApiKeyQuerySet.as_manager()  # type: ignore[assignment]

    class Meta:
        verbose_name = "API key"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["prefix"], name="api_key_prefix_once"),
            models.CheckConstraint(condition=~Q(name=""), name="api_key_name_not_empty"),
            models.CheckConstraint(
                condition=Q(expires_at__isnull=True) | Q(expires_at__gte=F("created_at")),
                name="api_key_expires_after_creation",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix})"

    def ended(self, at: datetime) -> bool:
        return self.revoked_at is not None or (
            self.expires_at is not None and self.expires_at <= at
        )


class LoginTally(models.Model):
    """How often in a row signing in under one name has failed: at one address that the name has
    signed in from before, or, with an empty `address`, at all others together.

    The name is kept as a keyed hash, since now and then somebody types a password in its place.
    """

    name_hash = models.CharField(max_length=64)  # hex
    address = models.CharField(max_length=64, blank=True)  # of IPv6 the network
    failures = models.PositiveIntegerField(default=0)
    failed_at = models.DateTimeField(null=True)
    signed_in_at = models.DateTimeField(null=True)  # up to a day early
    changed_at = models.DateTimeField(auto_now=True, db_index=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["name_hash", "address"], name="login_tally_once")
        ]

    def __str__(self) -> str:
        return f"{self.failures} at {self.address or 'other addresses'}"


class UserNote(models.Model):
    """What a member of staff wrote down about a user. Append-only (triggers)."""

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="notes")
    author = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    text = models.CharField(max_length=NOTE_MAX_LENGTH)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name = "note"
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.CheckConstraint(condition=~Q(text=""), name="note_not_empty"),
        ]

    def __str__(self) -> str:
        return f"note {self.pk} about user {self.user_id}"


class Authenticator(TOTPDevice):  # type: ignore[misc] # django-otp ships no types
    """The authenticator app that is a person's second factor; each has at most one.

    `key` is random and no secret: the secret that the app is given is derived from it with
    SECRET_KEY, so that nobody makes codes from the database, or a copy of it, alone.
    """

    objects: ClassVar[models.Manager["Authenticator"]]
    throttling_failure_count: int

    class Meta:
        proxy = True

    @property
    def bin_key(self) -> bytes:
        return salted_hmac("users.Authenticator", self.key, algorithm="sha256").digest()[:20]

    def throttle_increment(self, commit: bool = True) -> None:  # noqa: FBT001, FBT002 - as the base
        """With an end to it: who knows the password must not keep its owner out for good."""
        super().throttle_increment(commit=False)
        self.throttling_failure_count = min(self.throttling_failure_count, MAX_CODE_FAILURES)
        if commit:
            self.save()


class RecoveryCode(models.Model):
    """What signs its owner in, once, when the authenticator is lost.

    The code itself is not here, only its SHA-256: it is 80 random bits, which nobody can guess at
    any speed.
    """

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="recovery_codes")
    code_hash = models.CharField(max_length=64)  # hex
    used_at = models.DateTimeField(null=True)

    class Meta:
        constraints: ClassVar[list[models.BaseConstraint]] = [
            models.UniqueConstraint(fields=["user", "code_hash"], name="recovery_code_once")
        ]

    def __str__(self) -> str:
        return f"of {self.user_id}, {'used' if self.used_at else 'unused'}"
