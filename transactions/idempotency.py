"""Idempotency keys as callers send them."""

import hashlib
import json
import re
from typing import Any

from rest_framework.request import Request

from ledgerlink.errors import InvalidInput
from ledgerlink.serializers import TextField
from transactions.instructions import Idempotency

_KEY = re.compile(r"[\x21-\x7e]{1,255}")
_RULE = "Use 1 to 255 printable ASCII characters without spaces."


class InvalidIdempotencyKey(InvalidInput):
    code = "invalid_idempotency_key"
    title = "The Idempotency-Key can't be used"


class IdempotencyKeyField(TextField):
    """The key of one item of a batch."""

    default_error_messages = {"invalid_idempotency_key": _RULE}

    def to_internal_value(self, data: Any) -> str:
        key = super().to_internal_value(data)
        if not _KEY.fullmatch(key):
            self.fail("invalid_idempotency_key")
        return key


def idempotency_of(request: Request) -> Idempotency | None:
    """The key of this request, with the fingerprint of its route and body; None without a key.

    Raises InvalidIdempotencyKey.
    """
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidIdempotencyKey(_RULE)
    return Idempotency(key, fingerprint_of([request.method, request.path, request.data]))


def idempotency_of_item(key: str | None, item: Any) -> Idempotency | None:
    """The key of one item of a batch, with the fingerprint of that item alone."""
    return None if key is None else Idempotency(key, fingerprint_of(["batch", item]))


def fingerprint_of(content: Any) -> str:
    """The SHA-256 of something that JSON can hold, in hex."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
