"""Balances and entries as the API shows them."""

from datetime import datetime
from typing import Any, Protocol

from django.utils import timezone

from balances.enums import BalanceStatus
from balances.models import BalanceHistory
from balances.money import format_amount
from balances.point_in_time import PastBalance
from ledgerlink.timestamps import rfc3339


class ShownBalance(Protocol):
    """What `Balance` and `accounts.Account` have in common."""

    currency: Any
    amount: Any
    held: Any
    version: Any
    frozen_until: Any
    updated_at: Any

    @property
    def available(self) -> int: ...

    def status_at(self, at: datetime) -> BalanceStatus: ...


def represent_balance(balance: ShownBalance) -> dict[str, Any]:
    currency: str = balance.currency
    updated_at: datetime = balance.updated_at
    return {
        "currency": currency,
        "amount": format_amount(balance.amount, currency),
        "held": format_amount(balance.held, currency),
        "available": format_amount(balance.available, currency),
        "version": balance.version,
        "status": str(balance.status_at(timezone.now())),
        "updated_at": rfc3339(updated_at),
    }


def represent_past_balance(balance: PastBalance, at: datetime) -> dict[str, Any]:
    return {
        "currency": balance.currency,
        "amount": format_amount(balance.amount, balance.currency),
        "entry_version": balance.entry_version,
        "at": rfc3339(at),
    }


def represent_entry(entry: BalanceHistory, currency: str) -> dict[str, Any]:
    return {
        "id": entry.pk,
        "transaction_id": str(entry.transaction_id),
        "currency": currency,
        "delta": format_amount(entry.delta, currency),
        "before": format_amount(entry.amount_before, currency),
        "after": format_amount(entry.amount_after, currency),
        "version": entry.version,
        "created_at": rfc3339(entry.created_at),
    }
