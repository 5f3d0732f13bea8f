"""The `Idempotency-Key` header."""

import hashlib
import json
import re

from rest_framework.request import Request

from ledgerlink.errors import InvalidInput
from transactions.instructions import Idempotency

_KEY = re.compile(r"[\x21-\x7e]{1,255}")


class InvalidIdempotencyKey(InvalidInput):
    code = "invalid_idempotency_key"
    title = "The Idempotency-Key can't be used"


def idempotency_of(request: Request) -> Idempotency | None:
    """The key of this request, with the fingerprint of its route and body; None without a key.

    Raises InvalidIdempotencyKey.
    """
    key = request.META.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise InvalidIdempotencyKey("Use 1 to 255 printable ASCII characters without spaces.")
    content = json.dumps([request.method, request.path, request.data], sort_keys=True)
    return Idempotency(key, hashlib.sha256(content.encode()).hexdigest())
