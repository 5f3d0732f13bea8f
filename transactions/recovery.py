"""Finding out what an interrupted commit did: the ids were made before it."""

from collections.abc import Sequence
from uuid import UUID

from balances.accounts import Account
from transactions.errors import GroupRefused, refusal_of
from transactions.instructions import Answer, Order, Outcome, Party, Posted, shown_to
from transactions.models import IdempotencyKey, Transaction


def already_posted(orders: Sequence[Order]) -> dict[UUID, Outcome]:
    """The outcomes of those orders whose transactions are in the books, by the order's id.

    A commit is atomic: if the member that got its group refused is there, the others were refused
    along with it. Beside members that were posted, one that is not there was a replay.
    """
    related = ("source__user", "destination__user")
    stored = Transaction.objects.select_related(*related).in_bulk([o.id for o in orders])
    there = [order for order in orders if order.id in stored]
    answers = _answers_kept(there)
    outcomes = {o.id: _outcome(o, stored[o.id], answers.get(o.id)) for o in there}
    refused = {o.group for o in orders if o.id in outcomes and outcomes[o.id].error}
    for order in orders:
        if order.group is not None and order.group in refused and order.id not in stored:
            outcomes[order.id] = Outcome(None, GroupRefused())
    return outcomes


def _answers_kept(orders: Sequence[Order]) -> dict[UUID, Answer]:
    """What a repeated request will be told, and so what this one is told."""
    keys = IdempotencyKey.objects.filter(
        transaction__in=[order.id for order in orders],
        key__in=[order.idempotency.key for order in orders if order.idempotency is not None],
    )
    return {
        key.transaction_id: Answer(key.answer_status, key.answer)
        for key in keys
        if key.transaction_id and key.answer_status is not None and key.answer is not None
    }


def _outcome(order: Order, transaction: Transaction, answer: Answer | None) -> Outcome:
    error = refusal_of(transaction.failure_code)
    source, destination = transaction.source, transaction.destination
    posted = Posted(
        order=order,
        action=transaction.status,
        transaction=transaction,
        source=source.owner,
        destination=destination.owner,
        from_user=Party.of(source.user),
        to_user=Party.of(destination.user),
        # As it stands now, which may be later than the transaction left it.
        balance=shown_to(order.actor, Account.of(source), Account.of(destination)),
        error=error,
    )
    return Outcome(transaction, error=error, posted=posted, answer=answer)
