"""Receivers of other apps' signals."""

from collections.abc import Sequence
from typing import Any

from django.dispatch import receiver
from django.utils import timezone

from balances.signals import holds_listed, holds_read
from transactions.expiry import expire_pending
from transactions.queries import expired_holds


@receiver(holds_read, dispatch_uid="transactions.release")
def release(user_id: int, **_kwargs: Any) -> int:
    """What a reader is told to be held is held by something that can still be captured."""
    return expire_pending(payer_id=user_id)


@receiver(holds_listed, dispatch_uid="transactions.expired_holds")
def count_expired(balance_ids: Sequence[int], **_kwargs: Any) -> dict[int, int]:
    return expired_holds(balance_ids, timezone.now())
