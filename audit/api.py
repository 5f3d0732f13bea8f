"""`/audit`: who did what. It can be read, and nothing else."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from rest_framework import serializers
from rest_framework.exceptions import PermissionDenied
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from audit.enums import EntityType
from audit.models import AuditLog, Seal
from audit.representation import represent_record, represent_seal
from ledgerlink.pagination import KeyRange, paginate
from ledgerlink.serializers import MAX_ID, MomentField, OneOfField, PageQuery
from ledgerlink.texts import exactly
from users.permissions import caller
from users.roles import Capability

# A record has the time at which its batch was begun, and its key when it is written.
WRITTEN_WITHIN = timedelta(minutes=10)
_LONG_AGO, _FAR_OFF = datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC)
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
    entity_type = OneOfField(EntityType.values, required=False)
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
        return paginate(request, [_matching(query)], represent_record, keys=_keys_between(query))


class SealViewSet(ViewSet):
    """Seals are made by `manage.py seal_audit`; here others may fetch them, to keep them too."""

    def list(self, request: Request) -> Response:
        """Newest first, for roles that may read the trail."""
        if not caller(request).can(Capability.READ_AUDIT):
            raise PermissionDenied
        PageQuery.read(request.query_params)
        return paginate(request, [Seal.objects.all()], represent_seal)


def _keys_between(query: Mapping[str, Any]) -> KeyRange:
    """Where the records of the period `from` … `to` are among all."""
    start, end = query.get("from"), query.get("to")
    return KeyRange(
        after=_first_since(start - WRITTEN_WITHIN) - 1 if start and start > _LONG_AGO else None,
        before=_first_since(end + WRITTEN_WITHIN) if end and end < _FAR_OFF else None,
    )


def _first_since(moment: datetime) -> int:
    later = AuditLog.objects.filter(created_at__gte=moment).order_by("created_at", "id")
    found: int | None = later.values_list("pk", flat=True).first()
    return MAX_ID if found is None else found


def _matching(query: Mapping[str, Any]) -> QuerySet[AuditLog]:
    found = Q()
    for name, column in _COLUMNS.items():
        if name in query:
            found &= exactly(column, query[name])
    if "from" in query:
        found &= Q(created_at__gte=query["from"])
    if "to" in query:
        found &= Q(created_at__lt=query["to"])
    return AuditLog.objects.filter(found)


_COLUMNS = {
    "actor": "actor_id",
    "action": "action",
    "entity_type": "entity_type",
    "entity_id": "entity_id",
    "request_id": "request_id",
}
