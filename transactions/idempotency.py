"""Idempotency keys as callers send them."""

import hashlib
import json
import re
from collections.abc import Callable
from typing import Any

from django.db.transaction import atomic
from django.utils import timezone
from rest_framework.request import Request

from ledgerlink.errors import InvalidInput
from ledgerlink.serializers import TextField
from transactions.errors import IdempotencyKeyReused
from transactions.instructions import Answer, Idempotency
from transactions.models import IdempotencyKey
from users.actors import Actor
from users.collisions import retry_collisions

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


@retry_collisions
def answer_once(
    actor: Actor, idempotency: Idempotency | None, act: Callable[[], Answer]
) -> tuple[Answer, bool]:
    """What `act` answers, and whether it is a replay of what it answered to the same key.

    For what does not go through the posting queue. `act` is one database transaction; what it
    raises leaves the key free. Raises IdempotencyKeyReused. Of two at once, the second waits for
    the first at the unique key.
    """
    if idempotency is None:
        return act(), False
    with atomic():
        used, is_new = IdempotencyKey.objects.get_or_create(
            scope=actor.scope,
            key=idempotency.key,
            defaults={"fingerprint": idempotency.fingerprint, "created_at": timezone.now()},
        )
        if not is_new:
            return _kept(used, idempotency), True
        answer = act()
        used.answer, used.answer_status = answer.body, answer.status
        used.save(update_fields=["answer", "answer_status"])
    return answer, False


def _kept(used: IdempotencyKey, idempotency: Idempotency) -> Answer:
    same = used.fingerprint == idempotency.fingerprint
    if not same or used.answer is None or used.answer_status is None:
        raise IdempotencyKeyReused(
            "This idempotency key was used with another request. Use a new key."
        )
    return Answer(used.answer_status, used.answer)


def fingerprint_of(content: Any) -> str:
    """The SHA-256 of something that JSON can hold, in hex."""
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()
