"""What passes with time: pending transactions, freezes, and the memory of idempotency keys."""

from collections.abc import Callable
from datetime import datetime

from django.utils import timezone

from balances.enums import BalanceStatus
from balances.models import Balance
from transactions.enums import TransactionStatus
from transactions.instructions import Settlement, StatusChange
from transactions.models import IdempotencyKey, Transaction
from transactions.processor import post_directly
from users.actors import Actor

CHUNK = 500


def expire_pending(stops: Callable[[], bool] = lambda: False) -> int:
    """Cancel every pending transaction that has expired by now; how many there were."""
    by = Actor.system("expire_pending")
    expired = Transaction.objects.filter(
        status=TransactionStatus.PENDING, expires_at__lte=timezone.now()
    ).order_by("expires_at", "pk")
    count = 0
    while not stops():
        ids = list(expired.values_list("pk", flat=True)[:CHUNK])
        if not ids:
            break
        outcomes = post_directly(
            [Settlement(transaction_id=pk, capture_amount=0, actor=by) for pk in ids]
        )
        count += sum(outcome.error is None for outcome in outcomes)
    return count


def end_freezes(stops: Callable[[], bool] = lambda: False) -> int:
    """Unfreeze every balance whose freeze has ended by now; how many there were. Their freezes
    have not counted since: what is left to do is the record."""
    by = Actor.system("expire_pending")
    over = Balance.objects.filter(house__isnull=True, frozen_until__lte=timezone.now())
    count, last = 0, 0
    while not stops():
        balances = list(over.filter(pk__gt=last).order_by("pk")[:CHUNK])
        if not balances:
            break
        outcomes = post_directly([_thaw(balance, by) for balance in balances])
        count += sum(outcome.error is None for outcome in outcomes)
        last = balances[-1].pk
    return count


def _thaw(balance: Balance, by: Actor) -> StatusChange:
    return StatusChange(
        user_id=balance.user_id or 0,
        currency=balance.currency,
        status=BalanceStatus.ACTIVE,
        reason="The freeze has ended.",
        if_over=True,
        actor=by,
    )


def prune_keys(before: datetime, stops: Callable[[], bool] = lambda: False) -> int:
    """Forget the idempotency keys of API clients that were used before; how many there were.

    Those of commands are kept for good: they keep an import from being repeated.
    """
    old = IdempotencyKey.objects.filter(answer__isnull=False, created_at__lt=before)
    count, last = 0, 0
    while not stops():
        ids = list(old.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)[:CHUNK])
        if not ids:
            break
        count += old.filter(pk__in=ids).delete()[0]
        last = ids[-1]
    return count
