"""Every change of a user. Each is one database transaction, with its audit row inside.

What a field may hold is refused with Django's ValidationError, naming the field; everything else
with a LedgerError.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.db.transaction import atomic
from django.utils import timezone

from ledgerlink.errors import NotFound
from users.actors import Actor
from users.api_keys import revoke_keys_of
from users.backends import MAX_PASSWORD_LENGTH
from users.collisions import retry_collisions
from users.errors import LastAdmin, OwnRoleFixed, SuperuserFixed, UserChanged
from users.models import User
from users.roles import Role
from users.second_factor import forget_second_factor
from users.signals import user_changed, user_deleting, users_created
from users.tokens import end_sessions

MANAGED = frozenset({"role", "is_active"})  # what nobody changes of their own account


@retry_collisions
def create_user(
    *, username: str, email: str, password: str, role: str = Role.USER, by: Actor
) -> User:
    """Raises ValidationError, with code `unique` for a name or e-mail that is taken."""
    user = User(username=username, email=email, role=role)
    errors = _field_errors(user) | _password_errors("password", password, user)
    if errors:
        raise ValidationError(errors)
    user.set_password(password)  # before the transaction: it takes as long as many writes
    with _refusing_taken_names(user), atomic():
        user.save(force_insert=True)
        users_created.send(sender=None, users=[user], actor=by)
    return user


@retry_collisions
def update_user(
    *,
    user_id: int,
    changes: Mapping[str, Any],
    by: Actor,
    unchanged_since: datetime | None = None,
) -> User:
    """Change any of `username`, `email`, `role` and `is_active`. `unchanged_since` is the
    `updated_at` that `by` saw.

    Raises NotFound, SuperuserFixed, ValidationError, UserChanged when somebody else was quicker,
    OwnRoleFixed for one's own role or activity, or LastAdmin.
    """
    assert changes.keys() <= {"username", "email"} | MANAGED
    names = User(pk=user_id, username=changes.get("username", ""), email=changes.get("email", ""))
    with _refusing_taken_names(names), atomic():
        user = _locked(user_id)
        _require_not_below(user, by)
        was_admin = user.is_active_admin
        before = {name: getattr(user, name) for name in changes}
        for name, value in changes.items():
            setattr(user, name, value)
        errors = _field_errors(user)
        if errors:
            raise ValidationError(errors)
        made = {
            name: [old, getattr(user, name)]
            for name, old in before.items()
            if getattr(user, name) != old
        }
        if made:
            _require_unchanged(user, unchanged_since)
            _save_changes(user, made, by, was_admin=was_admin)
    return user


def _require_unchanged(user: User, since: datetime | None) -> None:
    if since is not None and user.updated_at != since:
        raise UserChanged(
            f"{user} was changed since you opened this page. Look at it again: nothing was saved."
        )


def _save_changes(user: User, made: dict[str, list[Any]], by: Actor, *, was_admin: bool) -> None:
    if by.user_id == user.pk and not MANAGED.isdisjoint(made):
        raise OwnRoleFixed("Ask another administrator to change your role or to deactivate you.")
    if was_admin and not user.is_active_admin:
        _require_another_admin(user)
    user.is_superuser = user.is_superuser and user.role == Role.ADMIN
    user.save(update_fields=[*made, "is_superuser", "updated_at"])
    if not user.is_active:
        end_sessions(user)
    user_changed.send(sender=None, user=user, actor=by, action="updated", changes=made)


@retry_collisions
def change_password(*, user_id: int, current_password: str, new_password: str, by: Actor) -> None:
    """Also ends every session of the user. Raises NotFound or ValidationError."""
    user = User.objects.filter(pk=user_id, deleted_at__isnull=True).first()
    if user is None:
        raise NotFound
    if not user.check_password(current_password):
        raise _wrong_password()
    errors = _password_errors("new_password", new_password, user)
    if errors:
        raise ValidationError(errors)
    checked = user.password
    user.set_password(new_password)
    with atomic():
        if _locked(user_id).password != checked:  # changed since it was checked
            raise _wrong_password()
        user.save(update_fields=["password", "updated_at"])
        end_sessions(user)
        user_changed.send(sender=None, user=user, actor=by, action="password_changed", changes={})


@retry_collisions
def delete_user(*, user_id: int, by: Actor) -> None:
    """Close the user's balances, revoke the API keys, forget the second factor, and let go of the
    name and the e-mail.

    Raises NotFound, SuperuserFixed, LastAdmin, or what a receiver of `user_deleting` refuses with:
    UserHasMoney. The user's row is locked before the balances, as when the posting engine opens a
    balance.
    """
    with atomic():
        user = _locked(user_id)
        _require_not_below(user, by)
        if user.is_active_admin:
            _require_another_admin(user)
        at = timezone.now()
        user_deleting.send(sender=None, user=user, actor=by, at=at)
        user.deleted_at = at
        user.is_active = False
        user.save(update_fields=["deleted_at", "is_active", "updated_at"])
        end_sessions(user)
        forget_second_factor(user)
        revoke_keys_of(user, by=by, at=at)
        user_changed.send(sender=None, user=user, actor=by, action="deleted", changes={})


def _locked(user_id: int) -> User:
    users = User.objects.select_for_update().filter(pk=user_id, deleted_at__isnull=True)
    user = users.first()
    if user is None:
        raise NotFound("There is no such user.")
    return user


def _require_not_below(user: User, by: Actor) -> None:
    if not user.is_superuser or by.user_id is None:
        return
    if User.objects.get(pk=by.user_id).is_below(user):
        raise SuperuserFixed("Ask a superuser to change or delete this one.")


def _require_another_admin(user: User) -> None:
    """Two administrators who end each other wait for one another's row: one of them is tried again
    and then finds nobody left."""
    admins = User.objects.filter(role=Role.ADMIN, is_active=True, deleted_at__isnull=True)
    others = list(admins.exclude(pk=user.pk).values_list("pk", flat=True))
    # By their keys: a lock taken while searching would wait for every user's row.
    if not admins.select_for_update().filter(pk__in=others).order_by("pk"):
        raise LastAdmin("Make somebody else an administrator first.")


def _field_errors(user: User) -> dict[str, Any]:
    """What is wrong with the user's fields; the e-mail is lower-cased on the way."""
    errors: dict[str, Any] = {}
    try:
        user.full_clean(exclude=["password"], validate_unique=False, validate_constraints=False)
    except ValidationError as error:
        errors = error.update_error_dict({})
    if "email" not in errors and not user.email.isascii():
        errors["email"] = ValidationError("Use ASCII characters only.", code="not_ascii")
    return _taken(user) | errors


def _taken(user: User) -> dict[str, Any]:
    """Which of the user's names somebody else has, in whatever case."""
    others = User.objects.exclude(pk=user.pk)
    errors = {}
    if others.filter(username_key=user.username.lower()).exists():
        errors["username"] = ValidationError("This username is taken.", code="unique")
    if user.email and others.filter(email_key=user.email.lower()).exists():
        errors["email"] = ValidationError("This e-mail address is taken.", code="unique")
    return errors


@contextmanager
def _refusing_taken_names(user: User) -> Iterator[None]:
    """Somebody may take a name between the check and the write; the answer is the same."""
    try:
        yield
    except IntegrityError as error:
        errors = _taken(user)
        if not errors:
            raise
        raise ValidationError(errors) from error


def _password_errors(field: str, password: str, user: User) -> dict[str, Any]:
    if len(password) > MAX_PASSWORD_LENGTH:
        too_long = f"A password has at most {MAX_PASSWORD_LENGTH} characters."
        return {field: ValidationError(too_long, code="max_length")}
    try:
        validate_password(password, user)
    except ValidationError as error:
        return {field: error}
    return {}


def _wrong_password() -> ValidationError:
    wrong = ValidationError("This is not the current password.", code="incorrect_password")
    return ValidationError({"current_password": wrong})
