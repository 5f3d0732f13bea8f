"""Transactions, and the answers to those who move money, as the API shows them."""

import json
from collections.abc import Sequence
from typing import Any, Protocol

from balances.money import format_amount
from balances.representation import represent_balance
from ledgerlink import problems
from ledgerlink.errors import LedgerError
from ledgerlink.timestamps import rfc3339
from transactions.errors import BatchRefused, GroupRefused
from transactions.instructions import Answer, Outcome, Posted, Settlement, Unit
from transactions.models import Transaction
from users.actors import Actor

OK = 200
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
    transaction: Transaction,
    from_user: Counterparty | None,
    to_user: Counterparty | None,
    *,
    undone: int = 0,
) -> dict[str, Any]:
    """`undone` is how much of it was reversed, in minor units."""
    t = transaction
    return {
        "id": str(t.pk),
        "type": str(t.type),
        "status": str(t.status),
        "amount": format_amount(t.amount, t.currency),
        "authorized_amount": None
        if t.authorized_amount is None
        else format_amount(t.authorized_amount, t.currency),
        "reversed_amount": format_amount(undone, t.currency),
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


def represent_stored(transaction: Transaction, undone: int) -> dict[str, Any]:
    """A transaction read from the database with both balances and their users."""
    t = transaction
    return represent_transaction(t, t.source.user, t.destination.user, undone=undone)


def answer_of_outcome(outcome: Outcome, actor: Actor) -> Answer:
    """The answer of the API: what was kept for a replay, else the transaction or the problem."""
    if outcome.answer is not None:
        return outcome.answer
    if outcome.error is not None:
        kept = (
            {} if outcome.transaction is None else {"transaction_id": str(outcome.transaction.pk)}
        )
        return _answer(outcome.error.status, _problem(outcome.error, actor, **kept))
    assert outcome.posted is not None
    return _answer(_status(outcome.posted), _represent_posted(outcome.posted))


def answer_of_dry_run(outcome: Outcome, actor: Actor) -> Answer:
    """What would have been answered; nothing of it exists, so nothing has an id. What would be
    replayed is answered as it was."""
    if outcome.posted is None and outcome.answer is not None:
        return outcome.answer
    if outcome.error is not None:
        return _answer(outcome.error.status, _problem(outcome.error, actor))
    assert outcome.posted is not None
    body = _represent_posted(outcome.posted)
    if not isinstance(outcome.posted.order, Settlement):
        body["id"] = None
    return _answer(OK, body | {"dry_run": True})


def answer_of_unit(unit: Unit, outcomes: Sequence[Outcome], *, dry_run: bool = False) -> Answer:
    """The answer to a batch: an item for each order, or the problem of a group that was refused."""
    answer_of = answer_of_dry_run if dry_run else answer_of_outcome
    actor = unit.orders[0].actor
    if unit.orders[0].group is not None:
        for index, outcome in enumerate(outcomes):
            error = outcome.error
            if error is not None and not isinstance(error, GroupRefused):
                invented = dry_run and outcome.posted is not None  # its transaction is not kept
                kept = None if invented else outcome.transaction
                return _answer(error.status, _problem_of_group(index, error, kept, actor))
    items = (_item(answer_of(outcome, actor), outcome.replayed) for outcome in outcomes)
    return Answer(OK, f'{{"results":[{",".join(items)}]}}')


def _item(answer: Answer, replayed: bool) -> str:  # noqa: FBT001 - a field of the outcome
    what = "transaction" if answer.status < 400 else "problem"
    return f'{{"status":{answer.status},"replayed":{json.dumps(replayed)},"{what}":{answer.body}}}'


def _problem_of_group(
    index: int, error: LedgerError, transaction: Transaction | None, actor: Actor
) -> dict[str, Any]:
    refused = BatchRefused(
        f"Nothing was posted, because of transactions[{index}]: {error.detail}",
        **{**error.extra, "index": index, "reason": error.code},
    )
    kept = {} if transaction is None else {"transaction_id": str(transaction.pk)}
    return _problem(refused, actor, **kept) | {"status": error.status}


def _problem(error: LedgerError, actor: Actor, **extra: Any) -> dict[str, Any]:
    return problems.of_ledger_error(error, request_id=actor.request.request_id, **extra)


def _status(posted: Posted) -> int:
    return OK if isinstance(posted.order, Settlement) else CREATED


def _represent_posted(posted: Posted) -> dict[str, Any]:
    body = represent_transaction(posted.transaction, posted.from_user, posted.to_user)
    body["balance"] = represent_balance(posted.balance)
    return body


def _answer(status: int, body: dict[str, Any]) -> Answer:
    return Answer(status, json.dumps(body, separators=problems.COMPACT))
