"""How records and seals are shown to the outside."""

from typing import Any

from audit.models import AuditLog, Seal
from ledgerlink.timestamps import rfc3339


def represent_record(record: AuditLog) -> dict[str, Any]:
    """`actor.id` is None for a command and for whoever was not signed in."""
    return {
        "id": record.pk,
        "actor": {
            "id": int(record.actor_id) if record.actor_id else None,
            "name": record.actor_name,
        },
        "action": record.action,
        "entity_type": record.entity_type,
        "entity_id": record.entity_id,
        "details": record.details,
        "request_id": record.request_id,
        "trace_id": record.trace_id,
        "ip": record.ip,
        "created_at": rfc3339(record.created_at),
    }


def represent_seal(seal: Seal) -> dict[str, Any]:
    return {
        "number": seal.number,
        "first_id": seal.first_id,
        "last_id": seal.last_id,
        "count": seal.count,
        "records_hash": seal.records_hash,
        "previous_hash": seal.previous_hash,
        "hash": seal.hash,
        "sealed_at": rfc3339(seal.sealed_at),
        "sealed_by": seal.sealed_by,
    }
