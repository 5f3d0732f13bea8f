"""Finding out what an interrupted commit did: the ids were made before it."""

from collections.abc import Sequence
from uuid import UUID

from balances.accounts import Account
from transactions.errors import GroupRefused, refusal_of
from transactions.instructions import Order, Outcome, Party, Posted, shown_to
from transactions.models import Transaction
from users.models import User


def already_posted(orders: Sequence[Order]) -> dict[UUID, Outcome]:
    """The outcomes of those orders whose transactions are in the books, by the order's id.

    A commit is atomic: if the member that got its group refused is there, the others were refused
    along with it. Beside members that were posted, one that is not there was a replay.
    """
    related = ("source__user", "destination__user")
    stored = Transaction.objects.select_related(*related).in_bulk([o.id for o in orders])
    outcomes = {o.id: _outcome(o, stored[o.id]) for o in orders if o.id in stored}
    refused = {o.group for o in orders if o.id in outcomes and outcomes[o.id].error}
    for order in orders:
        if order.group is not None and order.group in refused and order.id not in stored:
            outcomes[order.id] = Outcome(None, GroupRefused())
    return outcomes


def _outcome(order: Order, transaction: Transaction) -> Outcome:
    error = refusal_of(transaction.failure_code)
    source, destination = transaction.source, transaction.destination
    posted = Posted(
        order=order,
        action=transaction.status,
        transaction=transaction,
        source=source.owner,
        destination=destination.owner,
        from_user=_party(source.user),
        to_user=_party(destination.user),
        # As it stands now, which may be later than the transaction left it.
        balance=shown_to(order.actor, Account.of(source), Account.of(destination)),
        error=error,
    )
    return Outcome(transaction, error=error, posted=posted)


def _party(user: User | None) -> Party | None:
    if user is None:
        return None
    return Party(user.pk, user.username, user.role, user.is_active, user.deleted_at is not None)
