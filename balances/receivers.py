"""Writes the balance history, and keeps the cache behind the books."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.db.transaction import on_commit
from django.dispatch import receiver

from balances.accounts import Account, Entry
from balances.cache import balance_cache
from balances.closing import close_balances_of
from balances.models import BalanceHistory
from balances.signals import balances_changed
from ledgerlink.rows import insert_rows
from users.models import User
from users.signals import user_deleting

_COLUMNS = (
    "balance_id",
    "transaction_id",
    "delta",
    "amount_before",
    "amount_after",
    "version",
    "created_at",
)


@receiver(balances_changed, dispatch_uid="balances.write_history")
def write_history(entries: Sequence[Entry], at: datetime, **_kwargs: Any) -> None:
    insert_rows(
        BalanceHistory,
        _COLUMNS,
        [
            (e.balance_id, e.transaction_id, e.delta, e.before, e.after, e.version, at)
            for e in entries
        ],
    )


@receiver(balances_changed, dispatch_uid="balances.fence_cache")
def fence_cache(accounts: Sequence[Account], **_kwargs: Any) -> None:
    """Before the commit, so that whatever dies there leaves a cache that sends readers to the
    database; and after it, should Redis have lost the fence meanwhile, or begun a generation, in
    which a reader has put the balance of before."""
    owned = [account for account in accounts if account.user_id is not None]
    if owned:
        balance_cache().fence(owned)
        on_commit(lambda: balance_cache().fence(owned), robust=True)


@receiver(user_deleting, dispatch_uid="balances.close_balances")
def close_balances(user: User, at: datetime, **_kwargs: Any) -> None:
    close_balances_of(user, at=at)
