"""Receivers of other apps' signals."""

from typing import Any

from django.dispatch import receiver

from balances.signals import holds_read
from transactions.expiry import expire_pending


@receiver(holds_read, dispatch_uid="transactions.release")
def release(user_id: int, **_kwargs: Any) -> int:
    """What a reader is told to be held is held by something that can still be captured."""
    return expire_pending(payer_id=user_id)
