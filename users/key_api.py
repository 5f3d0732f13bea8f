"""`/api-keys`: the keys of backends, managed by administrators."""

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.urls import reverse
from rest_framework.exceptions import NotFound, PermissionDenied
from rest_framework.permissions import IsAuthenticated
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from ledgerlink.pagination import paginate
from users import api_keys
from users.actors import Actor
from users.api import naming_fields
from users.api_keys import NewApiKey
from users.models import ApiKey
from users.permissions import caller, may_now
from users.representation import represent_api_key
from users.roles import Capability
from users.serializers import ApiKeyBody, ApiKeyQuery, RotationBody


class MayManageKeys(IsAuthenticated):
    """Asked before any key is looked up, so that nobody else learns which exist."""

    def has_permission(self, request: Request, view: Any) -> bool:
        if not super().has_permission(request, view):
            return False
        if not may_now(request, Capability.MANAGE_API_KEYS):
            raise PermissionDenied
        return True


class ApiKeyViewSet(ViewSet):
    """A key itself is in one answer only: that to its creation or rotation."""

    permission_classes = [MayManageKeys]

    def list(self, request: Request) -> Response:
        """Newest first, revoked and expired ones as well."""
        query = ApiKeyQuery.read(request.query_params)
        return paginate(request, [_keys().filter(**_of_user(query))], represent_api_key)

    def create(self, request: Request) -> Response:
        body = ApiKeyBody.read(request.data)
        with naming_fields():
            new = api_keys.create_api_key(**body, by=Actor.of(caller(request)))
        return _shown_once(new)

    def retrieve(self, request: Request, pk: int) -> Response:
        key = _keys().filter(pk=pk).first()
        if key is None:
            raise NotFound
        return Response(represent_api_key(key))

    def rotate(self, request: Request, pk: int) -> Response:
        body = RotationBody.read(request.data)
        with naming_fields():
            new = api_keys.rotate_api_key(
                key_id=pk,
                overlap=timedelta(seconds=body["overlap_seconds"]),
                expires_at=body["expires_at"],
                by=Actor.of(caller(request)),
            )
        return _shown_once(new)

    def destroy(self, request: Request, pk: int) -> Response:
        """Revoked at once, for good; to ask again changes nothing."""
        api_keys.revoke_api_key(key_id=pk, by=Actor.of(caller(request)))
        return Response(status=204)


def _keys() -> QuerySet[ApiKey]:
    return ApiKey.objects.select_related("user")


def _of_user(query: dict[str, Any]) -> dict[str, Any]:
    return {"user_id": query["user_id"]} if "user_id" in query else {}


def _shown_once(new: NewApiKey) -> Response:
    return Response(
        {**represent_api_key(new.key), "key": new.text},
        status=201,
        headers={
            "Location": reverse("api-key-detail", args=[new.key.pk]),
            "Cache-Control": "no-store",
        },
    )
