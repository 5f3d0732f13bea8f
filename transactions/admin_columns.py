"""What exports of transactions, their limits and keys hold."""

from collections.abc import Callable
from decimal import Decimal
from http import HTTPStatus
from typing import Any

from balances.money import exact
from ledgerlink.admin_export import Column
from ledgerlink.errors import title_of
from ledgerlink.rows import dump_json
from transactions.models import IdempotencyKey, Transaction, TransactionLimit


def _name(of: str) -> Callable[[Transaction], str]:
    def name(transaction: Transaction) -> str:
        user: Any = getattr(transaction, of)
        return "" if user is None else user.username

    return name


def _limit(name: str) -> Callable[[TransactionLimit], Decimal | None]:
    def amount(limit: TransactionLimit) -> Decimal | None:
        minor = getattr(limit, name)
        return None if minor is None else exact(minor, limit.currency)

    return amount


TRANSACTION_COLUMNS = (
    Column("Transaction id", lambda transaction: str(transaction.pk)),
    Column("Time (UTC)", lambda transaction: transaction.created_at),
    Column("Type", lambda transaction: transaction.get_type_display()),
    Column("Status", lambda transaction: transaction.get_status_display()),
    Column("Amount", lambda transaction: exact(transaction.amount, transaction.currency)),
    Column("Currency", lambda transaction: transaction.currency),
    Column("From", lambda transaction: transaction.source.owner_name),
    Column("To", lambda transaction: transaction.destination.owner_name),
    Column("Reference", lambda transaction: transaction.reference),
    Column("Description", lambda transaction: transaction.description),
    Column("Refused because", lambda t: title_of(t.failure_code)),
    Column("Reverses", lambda transaction: str(transaction.reverses_id or "")),
    Column("Asked by", _name("requested_by")),
    Column("Approved by", _name("approved_by")),
    Column("Value date (UTC)", lambda transaction: transaction.effective_at),
    Column("Completed (UTC)", lambda transaction: transaction.completed_at),
    Column("Expires (UTC)", lambda transaction: transaction.expires_at),
    Column("Metadata", lambda t: dump_json(t.metadata) if t.metadata else ""),
)
LIMIT_COLUMNS = (
    Column("User", lambda limit: "" if limit.user is None else limit.user.username),
    Column("Role", lambda limit: limit.role),
    Column("Currency", lambda limit: limit.currency),
    Column("One transaction", _limit("per_transaction")),
    Column("One day (UTC)", _limit("per_day")),
    Column("Changed (UTC)", lambda limit: limit.updated_at),
)


def answered(key: IdempotencyKey) -> str:
    """What became of the request; nothing where that is not known yet."""
    if key.answer_status is None:
        return ""
    return "Done" if key.answer_status < HTTPStatus.BAD_REQUEST else "Refused"


KEY_COLUMNS = (
    Column("Time (UTC)", lambda key: key.created_at),
    Column("Sent by", lambda key: key.scope),
    Column("Key", lambda key: key.key),
    Column("Transaction id", lambda key: str(key.transaction_id or "")),
    Column("Outcome", answered),
    Column("Status code of the API", lambda key: key.answer_status),
)
