"""The OpenAPI document: the audit trail."""

from drf_spectacular.extensions import OpenApiSerializerFieldExtension
from drf_spectacular.openapi import AutoSchema
from drf_spectacular.utils import Direction

from audit.api import NOBODY, AuditQuery, AuditViewSet, SealViewSet
from audit.enums import EntityType
from ledgerlink.schema import (
    A_TIME,
    A_TRANSACTION,
    NOTES,
    Json,
    component,
    describe,
    example,
    json_answer,
    operation,
    or_null,
    page_of,
    record,
    text,
    time,
    whole,
)
from ledgerlink.serializers import PageQuery

NOTES.update(
    {
        "action": "What was done, such as `transaction.completed`.",
        "entity_type": "To what kind of thing.",
        "entity_id": "To which of them.",
        "request_id": "In which request.",
    }
)


class DescribedActor(OpenApiSerializerFieldExtension):
    target_class = "audit.api.ActorField"

    def map_serializer_field(self, auto_schema: AutoSchema, direction: Direction) -> Json:
        said = f"The id of a user, or `{NOBODY}`: commands, and whoever was not signed in."
        return text(said, pattern=f"^([1-9][0-9]{{0,18}}|{NOBODY})$")


RECORD = component(
    "AuditRecord",
    record(
        "Who did what to what, when, and in which request.",
        id=whole(minimum=1),
        actor=record(
            "Who did it; a backend is named with the prefix of its API key.",
            id=or_null(whole("Null for commands and for whoever was not signed in.", minimum=1)),
            name=text(),
        ),
        action=text(examples=["transaction.completed"]),
        entity_type=text(enum=EntityType.values),
        entity_id=text(examples=[A_TRANSACTION]),
        details={"type": "object", "description": "What there is to tell; secrets are left out."},
        request_id=text("Empty for commands."),
        trace_id=text("Empty for commands."),
        ip=or_null(text()),
        created_at=time("When."),
    ),
)
A_RECORD = {
    "id": 4711,
    "actor": {"id": 7, "name": "alice"},
    "action": "transaction.completed",
    "entity_type": "transaction",
    "entity_id": A_TRANSACTION,
    "details": {
        "type": "transfer",
        "amount": "20.00",
        "currency": "USD",
        "from": "alice",
        "to": "bob",
    },
    "request_id": "5fa86c7f642284e758542ab17f91faef",
    "trace_id": "0af7651916cd43dd8448eb211c80319c",
    "ip": "192.0.2.7",
    "created_at": A_TIME,
}


def _hash(said: str) -> Json:
    return text(f"SHA-256. {said}", pattern="^[0-9a-f]{64}$")


A_HASH = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
SEAL = component(
    "AuditSeal",
    record(
        "What the audit trail held up to a record, chained to the seal before.",
        number=whole("From 1, without a gap.", minimum=1),
        first_id=whole("Of the first record that it covers."),
        last_id=whole("Of the last one."),
        count=whole("How many it covers.", minimum=1),
        records_hash=_hash("Of these records."),
        previous_hash=_hash("Of the seal before; zeros for the first one."),
        hash=_hash("Of the seal. Keep it elsewhere too: see docs/accounting.md."),
        sealed_at=time("When."),
        sealed_by=text("The login and the host that ran the command."),
    ),
)
A_SEAL = {
    "number": 12,
    "first_id": 4702,
    "last_id": 4711,
    "count": 10,
    "records_hash": A_HASH,
    "previous_hash": A_HASH[::-1],
    "hash": A_HASH,
    "sealed_at": A_TIME,
    "sealed_by": "ledger@web-1",
}

describe(
    SealViewSet,
    list=operation(
        "audit_seals",
        "Audit",
        "The seals of the audit trail",
        "For auditors, finance and admins: to be fetched and kept elsewhere.",
        query=PageQuery,
        answers=json_answer(
            page_of(SEAL, "AuditSealPage"),
            "A page of seals.",
            example("Seals", {"next": None, "previous": None, "results": [A_SEAL]}),
        ),
        refused=["permission_denied"],
    ),
)
describe(
    AuditViewSet,
    list=operation(
        "audit_list",
        "Audit",
        "The audit trail",
        "For auditors, finance and admins. It can't be changed.",
        query=AuditQuery,
        answers=json_answer(
            page_of(RECORD, "AuditPage"),
            "A page of records.",
            example("Records", {"next": None, "previous": None, "results": [A_RECORD]}),
        ),
        refused=["permission_denied"],
    ),
)
