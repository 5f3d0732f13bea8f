"""Closing the balances of a user who is being deleted."""

from datetime import datetime

from django.db.models import F, Q

from balances.accounts import Account
from balances.enums import BalanceStatus
from balances.models import Balance
from balances.signals import balances_changed
from users.errors import UserHasMoney
from users.models import User

_PENDING = "pending"  # `transactions.enums` is further up: balances may not import it


def close_balances_of(user: User, *, at: datetime) -> None:
    """Close every balance of `user`, whose row is locked; no amount changes.

    Raises UserHasMoney while one holds or owes money, has some reserved, or awaits some.
    """
    mine = Balance.objects.filter(user=user).order_by("pk")
    balances = list(mine.select_for_update())
    if any(balance.amount != 0 or balance.held != 0 for balance in balances):
        raise UserHasMoney("Withdraw or transfer all money first.")
    if mine.filter(Q(sent__status=_PENDING) | Q(received__status=_PENDING)).exists():
        raise UserHasMoney("Capture or cancel the pending transactions first.")
    if not balances:
        return
    mine.update(
        status=BalanceStatus.CLOSED,
        frozen_until=None,
        freeze_reason="",
        version=F("version") + 1,
        updated_at=at,
    )
    closed = [Account.of(balance) for balance in mine]
    balances_changed.send(sender=None, accounts=closed, entries=[], at=at)
