"""`/audit`: who did what. It can be read, and nothing else."""

from collections.abc import Mapping
from typing import Any

from django.db.models import QuerySet
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from audit.models import AuditLog, Seal
from audit.representation import represent_record, represent_seal
from ledgerlink.pagination import paginate
from ledgerlink.serializers import MAX_ID, MomentField, PageQuery
from users.permissions import caller
from users.roles import Capability

NOBODY = "system"  # as an actor: commands, and whoever was not signed in


class ActorField(serializers.CharField):
    """The id of a user, or `system`; becomes the text that the trail keeps."""

    default_error_messages = {"invalid_actor": f"Give the id of a user, or `{NOBODY}`."}

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if text == NOBODY:
            return ""
        number = text.isascii() and text.isdigit() and not text.startswith("0")
        if not number or len(text) > len(str(MAX_ID)):
            self.fail("invalid_actor")
        return text


class AuditQuery(PageQuery):
    actor = ActorField(required=False)
    action = serializers.CharField(max_length=40, required=False)
    entity_type = serializers.CharField(max_length=32, required=False)
    entity_id = serializers.CharField(max_length=64, required=False)
    request_id = serializers.CharField(max_length=64, required=False)

    def get_fields(self) -> dict[str, Any]:
        return super().get_fields() | {
            "from": MomentField(required=False),
            "to": MomentField(required=False),
        }


class AuditViewSet(ViewSet):
    """Records are written with what they tell of (see `audit.receivers`), never through the API."""

    def list(self, request: Request) -> Response:
        """Newest first, for roles that may read the trail."""
        if not caller(request).can(Capability.READ_AUDIT):
            raise PermissionDenied
        query = AuditQuery.read(request.query_params)
        return paginate(request, [_matching(query)], represent_record)


class SealViewSet(ViewSet):
    """Seals are made by `manage.py seal_audit`; here others may fetch them, to keep them too."""

    def list(self, request: Request) -> Response:
        """Newest first, for roles that may read the trail."""
        if not caller(request).can(Capability.READ_AUDIT):
            raise PermissionDenied
        PageQuery.read(request.query_params)
        return paginate(request, [Seal.objects.all()], represent_seal)


def _matching(query: Mapping[str, Any]) -> QuerySet[AuditLog]:
    lookups = {
        "actor": "actor_id",
        "action": "action",
        "entity_type": "entity_type",
        "entity_id": "entity_id",
        "request_id": "request_id",
        "from": "created_at__gte",
        "to": "created_at__lt",
    }
    return AuditLog.objects.filter(
        **{lookup: query[name] for name, lookup in lookups.items() if name in query}
    )
