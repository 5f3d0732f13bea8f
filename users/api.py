"""`/users`: registration, and users as they and staff see them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError as DjangoValidationError
from django.urls import reverse
from rest_framework.exceptions import NotFound, PermissionDenied, ValidationError
from rest_framework.fields import get_error_detail
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from ledgerlink.pagination import paginate
from users import accounts
from users.actors import Actor
from users.errors import RegistrationClosed
from users.models import User
from users.permissions import caller, may_now
from users.queries import existing_users
from users.representation import represent_user
from users.roles import Capability, Role
from users.serializers import RegistrationBody, UserBody, UserQuery


class UserViewSet(ViewSet):
    """To a caller who may not read users, nobody else exists."""

    def get_permissions(self) -> list[Any]:
        return [AllowAny()] if self.action == "create" else list(super().get_permissions())

    def list(self, request: Request) -> Response:
        """Newest first; deleted users are left out."""
        if not caller(request).can(Capability.READ_USERS):
            raise PermissionDenied
        query = UserQuery.read(request.query_params)
        return paginate(request, [existing_users(query)], represent_user)

    def create(self, request: Request) -> Response:
        user = register(request)
        return Response(represent_user(user), status=201, headers=location_of(user))

    def me(self, request: Request) -> Response:
        return Response(represent_user(_visible(request, caller(request).pk)))

    def retrieve(self, request: Request, pk: int) -> Response:
        return Response(represent_user(_visible(request, pk)))

    def update(self, request: Request, pk: int) -> Response:
        return _change(request, pk, partial=False)

    def partial_update(self, request: Request, pk: int) -> Response:
        return _change(request, pk, partial=True)

    def destroy(self, request: Request, pk: int) -> Response:
        """A soft delete; refused while the user has money or pending transactions."""
        _require_change(request, pk)
        accounts.delete_user(user_id=pk, by=Actor.of(caller(request)))
        return Response(status=204)


@contextmanager
def naming_fields() -> Iterator[None]:
    """What `users.accounts` refuses about a field, as an answer that names it."""
    try:
        yield
    except DjangoValidationError as error:
        raise ValidationError(get_error_detail(error)) from error


def register(request: Request) -> User:
    """Make the user that the body describes; whoever may not manage users makes plain ones, and
    none while registration is closed."""
    asking = request.user if isinstance(request.user, User) else None
    manages = asking is not None and may_now(request, Capability.MANAGE_USERS)
    if not (manages or settings.OPEN_REGISTRATION):
        raise RegistrationClosed("Ask an administrator for an account.")
    body = RegistrationBody.read(request.data)
    body["role"] = body["role"] if manages else Role.USER
    actor = Actor.of(asking) if asking is not None else Actor.anonymous()
    with naming_fields():
        return accounts.create_user(**body, by=actor)


def location_of(user: User) -> dict[str, str]:
    return {"Location": reverse("user-detail", args=[user.pk])}


def _visible(request: Request, pk: int) -> User:
    viewer = caller(request)
    user = None
    if pk == viewer.pk or viewer.can(Capability.READ_USERS):
        user = existing_users({}).filter(pk=pk).first()
    if user is None:
        raise NotFound
    return user


def _require_change(request: Request, pk: int) -> None:
    """Raises NotFound for a user the caller may not see, PermissionDenied for one they may only
    look at."""
    _visible(request, pk)
    if pk != caller(request).pk and not may_now(request, Capability.MANAGE_USERS):
        raise PermissionDenied


def _change(request: Request, pk: int, *, partial: bool) -> Response:
    _require_change(request, pk)
    changes = UserBody.read(request.data, partial=partial)
    managed = not accounts.MANAGED.isdisjoint(changes)
    if managed and not may_now(request, Capability.MANAGE_USERS):
        raise PermissionDenied
    with naming_fields():
        user = accounts.update_user(user_id=pk, changes=changes, by=Actor.of(caller(request)))
    return Response(represent_user(user))
