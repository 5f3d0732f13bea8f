"""What exports of balances and ledger entries hold."""

from collections.abc import Callable
from decimal import Decimal

from django.utils import timezone

from balances.models import Balance, BalanceHistory
from balances.money import exact
from ledgerlink.admin_export import Column


def _amount(name: str) -> Callable[[Balance], Decimal]:
    return lambda balance: exact(getattr(balance, name), balance.currency)


def _change(name: str) -> Callable[[BalanceHistory], Decimal]:
    return lambda entry: exact(getattr(entry, name), entry.balance.currency)


BALANCE_COLUMNS = (
    Column("Balance id", lambda balance: balance.pk),
    Column("Owner", lambda balance: balance.owner_name),
    Column("User id", lambda balance: balance.user_id),
    Column("Currency", lambda balance: balance.currency),
    Column("Posted", _amount("amount")),
    Column("Held", _amount("held")),
    Column("Available", _amount("available")),
    Column("Overdraft limit", _amount("overdraft_limit")),
    Column("Forced overdraft", _amount("forced_overdraft")),
    Column("Status", lambda balance: str(balance.status_at(timezone.now()).label)),
    Column("Frozen until (UTC)", lambda balance: balance.frozen_until),
    Column("Reason of the freeze", lambda balance: balance.freeze_reason),
    Column("Ledger entries", lambda balance: balance.entry_count),
    Column("Opened (UTC)", lambda balance: balance.created_at),
    Column("Changed (UTC)", lambda balance: balance.updated_at),
)
ENTRY_COLUMNS = (
    Column("Entry id", lambda entry: entry.pk),
    Column("Time (UTC)", lambda entry: entry.created_at),
    Column("Owner", lambda entry: entry.balance.owner_name),
    Column("Balance id", lambda entry: entry.balance_id),
    Column("Currency", lambda entry: entry.balance.currency),
    Column("Change", _change("delta")),
    Column("Before", _change("amount_before")),
    Column("After", _change("amount_after")),
    Column("Number in the balance", lambda entry: entry.version),
    Column("Transaction id", lambda entry: str(entry.transaction_id)),
    Column("Type", lambda entry: entry.transaction.get_type_display()),
    Column("Reference", lambda entry: entry.transaction.reference),
    Column("Description", lambda entry: entry.transaction.description),
)
