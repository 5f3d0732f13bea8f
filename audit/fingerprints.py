"""The hashes of seals: what exactly is hashed, so that anybody can compute them anew.

A record is one line: the JSON array of its columns in the order of `COLUMNS`, the text `details` as
an object with sorted keys, the time as RFC 3339 in UTC with microseconds; ASCII only, no spaces, a
line feed at the end. `records_hash` is the SHA-256 of the lines in the order of the ids. The hash
of a seal is the SHA-256 of the JSON array of FORMAT and what `seal_hash` lists.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from audit.models import AuditLog, Seal
from ledgerlink.timestamps import rfc3339

FORMAT = "ledgerlink-audit-seal-1"
NO_SEAL = "0" * 64  # what the first seal is chained to
COLUMNS = (
    "id",
    "actor_id",
    "actor_name",
    "action",
    "entity_type",
    "entity_id",
    "details",
    "request_id",
    "trace_id",
    "ip",
    "created_at",
)
PAGE = 2_000  # records in memory at once

_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(slots=True)
class Fingerprint:
    """Of some records in the order of their ids."""

    first_id: int = 0
    last_id: int = 0
    count: int = 0
    _hash: Any = field(default_factory=hashlib.sha256)

    def add(self, record: tuple[Any, ...]) -> None:
        """`record` has the values of COLUMNS."""
        if not self.count:
            self.first_id = record[0]
        self.last_id = record[0]
        self.count += 1
        self._hash.update(_line(record))

    @property
    def records_hash(self) -> str:
        return str(self._hash.hexdigest())


def _line(record: tuple[Any, ...]) -> bytes:
    return f"{_encode([*record[:-1], rfc3339(record[-1])])}\n".encode("ascii")


def seal_hash(seal: Seal) -> str:
    parts: list[str | int] = [
        FORMAT,
        seal.number,
        seal.first_id,
        seal.last_id,
        seal.count,
        seal.records_hash,
        seal.previous_hash,
        rfc3339(seal.sealed_at),
        seal.sealed_by,
    ]
    return hashlib.sha256(_encode(parts).encode("ascii")).hexdigest()


def pages(after: int | None, up_to: int) -> Iterator[list[tuple[Any, ...]]]:
    """The records after one id (None: from the very first), up to and with another."""
    records = AuditLog.objects.order_by("id").values_list(*COLUMNS)
    while True:
        beyond = {} if after is None else {"id__gt": after}
        page = list(records.filter(id__lte=up_to, **beyond)[:PAGE])
        if page:
            yield page
        if len(page) < PAGE:
            return
        after = page[-1][0]
