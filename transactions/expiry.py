"""What passes with time: pending transactions, freezes, and the memory of idempotency keys."""

from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from django.utils import timezone

from balances.enums import BalanceStatus
from balances.models import Balance
from ledgerlink.errors import Unavailable
from transactions.batches import post_units
from transactions.enums import TransactionStatus
from transactions.instructions import Order, Settlement, StatusChange, Unit
from transactions.models import IdempotencyKey, Transaction
from users.actors import Actor

CHUNK = 500


def expire_pending(
    stops: Callable[[], bool] = lambda: False, *, payer_id: int | None = None
) -> int:
    """Cancel every pending transaction (of one payer) that has expired by now; how many there were.

    One that can't be cancelled keeps none of the others; the first error is raised at the end.
    """
    by = Actor.system("expire_pending")
    now = timezone.now()
    expired = Transaction.objects.filter(status=TransactionStatus.PENDING, expires_at__lte=now)
    if payer_id is not None:
        expired = expired.filter(source__user_id=payer_id)
    run, last = _Run(), UUID(int=0)
    while not stops():
        left = expired.filter(pk__gt=last).order_by("pk").values_list("pk", flat=True)
        ids = list(left[:CHUNK])
        if not ids:
            break
        run.post([Settlement(transaction_id=pk, capture_amount=0, actor=by) for pk in ids])
        last = ids[-1]
    return run.count()


def end_freezes(stops: Callable[[], bool] = lambda: False) -> int:
    """Unfreeze every balance whose freeze has ended by now; how many there were. Their freezes
    have not counted since: what is left to do is the record. Errors as in `expire_pending`."""
    by = Actor.system("expire_pending")
    over = Balance.objects.filter(house__isnull=True, frozen_until__lte=timezone.now())
    run, last = _Run(), 0
    while not stops():
        balances = list(over.filter(pk__gt=last).order_by("pk")[:CHUNK])
        if not balances:
            break
        run.post([_thaw(balance, by) for balance in balances])
        last = balances[-1].pk
    return run.count()


class _Run:
    """Orders that have nothing to do with each other, posted many at a time."""

    def __init__(self) -> None:
        self._done = 0
        self._error: Exception | None = None

    def post(self, orders: Sequence[Order]) -> None:
        """Raises Unavailable; other errors are kept for the end."""
        for result in post_units([Unit([order]) for order in orders]):
            if isinstance(result, Unavailable):
                raise result
            if isinstance(result, Exception):
                self._error = self._error or result
            else:
                self._done += result.outcomes[0].error is None

    def count(self) -> int:
        if self._error is not None:
            raise self._error
        return self._done


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
