"""Transactions, and the answers to those who move money, as the API shows them."""

import json
from typing import Any, Protocol

from balances.money import format_amount
from balances.representation import represent_balance
from ledgerlink import problems
from ledgerlink.timestamps import rfc3339
from transactions.instructions import Answer, Outcome, Posted
from transactions.models import Transaction

CREATED = 201


class Counterparty(Protocol):
    """A user, or what the posting engine knows of one."""

    @property
    def id(self) -> int: ...

    @property
    def username(self) -> str: ...


def represent_party(party: Counterparty | None) -> dict[str, Any] | None:
    """Id and name only: a counterparty's e-mail, role and balance are nobody else's business."""
    return None if party is None else {"id": party.id, "username": party.username}


def represent_transaction(
    transaction: Transaction, from_user: Counterparty | None, to_user: Counterparty | None
) -> dict[str, Any]:
    t = transaction
    return {
        "id": str(t.pk),
        "type": str(t.type),
        "status": str(t.status),
        "amount": format_amount(t.amount, t.currency),
        "currency": t.currency,
        "from_user": represent_party(from_user),
        "to_user": represent_party(to_user),
        "description": t.description,
        "reference": t.reference,
        "metadata": t.metadata,
        "failure_code": t.failure_code or None,
        "reverses": str(t.reverses_id) if t.reverses_id else None,
        "expires_at": rfc3339(t.expires_at) if t.expires_at else None,
        "effective_at": rfc3339(t.effective_at),
        "created_at": rfc3339(t.created_at),
        "completed_at": rfc3339(t.completed_at) if t.completed_at else None,
    }


def represent_stored(transaction: Transaction) -> dict[str, Any]:
    """A transaction read from the database with both balances and their users."""
    return represent_transaction(transaction, transaction.source.user, transaction.destination.user)


def answer_to(outcome: Outcome) -> Answer:
    """The answer of the API: what was kept for a replay, else the transaction or the problem.

    Raises the refusal of an instruction of which nothing was kept.
    """
    if outcome.answer is not None:
        return outcome.answer
    if outcome.posted is not None:
        return answer_of(outcome.posted)
    if outcome.error is not None:
        raise outcome.error
    raise AssertionError("an outcome without an answer, a posting or an error")


def answer_of(posted: Posted) -> Answer:
    """The answer to a transaction that was posted just now, completed or failed."""
    if posted.error is not None:
        body = problems.of_ledger_error(
            posted.error,
            transaction_id=str(posted.transaction.pk),
            request_id=posted.instruction.actor.request.request_id,
        )
        return Answer(posted.error.status, json.dumps(body, separators=problems.COMPACT))
    body = represent_transaction(posted.transaction, posted.from_user, posted.to_user)
    body["balance"] = represent_balance(posted.balance)
    return Answer(CREATED, json.dumps(body, separators=problems.COMPACT))
