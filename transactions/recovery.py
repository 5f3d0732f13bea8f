"""Finding out what an interrupted commit did: the ids were made before it."""

from collections.abc import Sequence
from uuid import UUID

from balances.accounts import Account
from balances.models import Balance
from transactions.errors import GroupRefused, refusal_of
from transactions.instructions import Instruction, Outcome, Party, Posted
from transactions.models import Transaction
from users.models import User


def already_posted(instructions: Sequence[Instruction]) -> dict[UUID, Outcome]:
    """The outcomes of those instructions whose transactions are in the books, by id.

    A commit is atomic: if the member that got its group refused is there, the others were refused
    along with it. Beside members that were posted, one that is not there was a replay.
    """
    ids = [i.id for i in instructions]
    related = ("source__user", "destination__user")
    stored = Transaction.objects.select_related(*related).in_bulk(ids)
    outcomes = {i.id: _outcome(i, stored[i.id]) for i in instructions if i.id in stored}
    refused = {i.group for i in instructions if i.id in outcomes and outcomes[i.id].error}
    for i in instructions:
        if i.group is not None and i.group in refused and i.id not in stored:
            outcomes[i.id] = Outcome(None, GroupRefused())
    return outcomes


def _outcome(instruction: Instruction, transaction: Transaction) -> Outcome:
    error = refusal_of(transaction.failure_code)
    source, destination = transaction.source, transaction.destination
    shown = source if instruction.owner_key == instruction.source_key else destination
    posted = Posted(
        instruction=instruction,
        transaction=transaction,
        from_user=_party(source.user),
        to_user=_party(destination.user),
        balance=_account(shown),
        error=error,
    )
    return Outcome(transaction, error=error, posted=posted)


def _party(user: User | None) -> Party | None:
    if user is None:
        return None
    return Party(user.pk, user.username, user.is_active, user.deleted_at is not None)


def _account(balance: Balance) -> Account:
    """The balance as it stands now, which may be later than the transaction left it."""
    b = balance
    return Account(
        b.pk,
        b.user_id,
        b.house,
        b.currency,
        b.amount,
        b.held,
        b.overdraft_limit,
        b.version,
        b.entry_count,
        b.status,
        b.updated_at,
    )
