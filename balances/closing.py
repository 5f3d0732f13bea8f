"""Closing the balances of a user who is being deleted."""

from dataclasses import replace
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
    mine = Balance.objects.filter(user=user)
    balances = list(mine.select_for_update().order_by("pk"))
    if any(balance.amount != 0 or balance.held != 0 for balance in balances):
        raise UserHasMoney("Withdraw or transfer all money first.")
    if mine.filter(Q(sent__status=_PENDING) | Q(received__status=_PENDING)).exists():
        raise UserHasMoney("Capture or cancel the pending transactions first.")
    to_close = [balance for balance in balances if balance.status != BalanceStatus.CLOSED]
    if not to_close:
        return
    mine.exclude(status=BalanceStatus.CLOSED).update(
        status=BalanceStatus.CLOSED,
        frozen_until=None,
        freeze_reason="",
        version=F("version") + 1,
        updated_at=at,
    )
    closed = [_closed(balance, at) for balance in to_close]
    balances_changed.send(sender=None, accounts=closed, entries=[], at=at)


def _closed(balance: Balance, at: datetime) -> Account:
    account = Account.of(balance)
    return replace(
        account,
        version=account.version + 1,
        status=BalanceStatus.CLOSED,
        updated_at=at,
        frozen_until=None,
        freeze_reason="",
        read_version=account.version,
    )
