"""The posting engine: the only code that moves money.

`post` takes units of orders and answers their outcomes, in one database transaction. In order:

1. lock every balance involved, in primary key order; read parties, named transactions and used
   idempotency keys under those locks (`book.py`);
2. carry out each order in memory, in arrival order. What is refused (`refusals.py`) becomes a
   failed transaction and does not disturb the others, unless it belongs to an all-or-nothing
   group;
3. write transactions, keys and balances in bulk, the balances guarded by their versions;
4. send `balances_changed`, `transactions_posted` and `statuses_changed`, whose receivers write
   the balance history and the audit trail; one that fails rolls everything back;
5. commit. The cache is fenced before and after (`balances.receivers`).

Errors of the database are not handled here but in `transactions.batches`, which retries.
"""

from collections.abc import Sequence
from copy import copy
from dataclasses import replace
from itertools import groupby
from operator import attrgetter

from django.db.transaction import atomic, set_rollback

from balances.accounts import Account, ConcurrentUpdate, save_accounts
from balances.enums import AccountKey, BalanceStatus
from balances.signals import balances_changed
from ledgerlink.errors import LedgerError
from ledgerlink.rows import insert_rows
from transactions import errors
from transactions.authority import require_authority
from transactions.book import Book, NewKey, UsedKey, open_book
from transactions.enums import TransactionStatus, TransactionType
from transactions.instructions import (
    Instruction,
    Order,
    Outcome,
    Party,
    Posted,
    Reversal,
    Settlement,
    StatusChange,
    StatusChanged,
    Unit,
    UnitOutcome,
    shown_to,
)
from transactions.keys import keep_key, replayed, replayed_unit, use_key
from transactions.limits import is_limited
from transactions.models import IdempotencyKey, Transaction
from transactions.refusals import (
    refusal_of_movement,
    refusal_of_reversal,
    refusal_of_settlement,
    refusal_of_status_change,
    version_conflict,
)
from transactions.representation import answer_of_unit
from transactions.signals import statuses_changed, transactions_posted
from users.actors import Actor


def post(
    units: Sequence[Unit], *, dry_run: bool = False, recovering: bool = False
) -> list[UnitOutcome]:
    """Post `units` in one database transaction; the outcomes are in the same order.

    Orders of one `group` stand side by side. A refusal is an outcome, never an exception;
    database errors and `ConcurrentUpdate` are raised, and then nothing was posted. A dry run goes
    the same way up to the writing, and leaves nothing behind but the balances as they would be.
    `recovering` is for units of which a commit may have happened unheard.
    """
    with atomic():
        book = open_book(units, recovering=recovering)
        _release_expired(book)
        if dry_run:
            foreseen = _foresee(book, units)
            set_rollback(True)  # balances may have been opened
            return foreseen
        outcomes = [_post_unit(book, unit) for unit in units]
        if book.is_blank:
            set_rollback(True)  # balances may have been opened for nothing
        else:
            _write(book)
    return outcomes


def _release_expired(book: Book) -> None:
    """What is pending too long holds no money back, whether or not the command came round."""
    for pending in book.expired:
        source = book.accounts_by_id[pending.source_id]
        source.release(pending.amount, book.at)
        pending.status = TransactionStatus.CANCELLED
        by = Actor.system("expire_pending")
        book.posted.append(
            Posted(
                order=Settlement(transaction_id=pending.pk, capture_amount=0, actor=by),
                action="expired",
                transaction=pending,
                source=source.owner,
                destination=pending.destination.owner,
                from_user=book.parties.get(source.user_id or 0),
                to_user=Party.of(pending.destination.user),
                balance=source.snapshot(),
                error=None,
            )
        )


def _foresee(book: Book, units: Sequence[Unit]) -> list[UnitOutcome]:
    before = [account.snapshot() for account in book.accounts.values()]
    outcomes = [_post_unit(book, unit) for unit in units]
    foreseen = list(zip(before, book.accounts.values(), strict=True))
    return [replace(outcome, foreseen=foreseen) for outcome in outcomes]


def _post_unit(book: Book, unit: Unit) -> UnitOutcome:
    if unit.idempotency is not None:
        used = book.used_keys.get((unit.scope, unit.idempotency.key))
        if used is not None:
            return replayed_unit(unit, used)
        reserved = UsedKey(unit.idempotency.fingerprint, answer=None, outcome=None)
        book.used_keys[unit.scope, unit.idempotency.key] = reserved  # no member may use it
    outcomes: list[Outcome] = []
    for group, members in groupby(unit.orders, key=lambda order: order.group):
        if group is None:
            outcomes += [_post_one(book, order) for order in members]
        else:
            outcomes += _post_group(book, list(members))
    if unit.idempotency is None:
        return UnitOutcome(outcomes)
    answer = answer_of_unit(unit, outcomes)
    use_key(book, NewKey(unit.scope, unit.idempotency, None, answer), None)
    return UnitOutcome(outcomes, answer)


def _post_group(book: Book, members: list[Order]) -> list[Outcome]:
    """All or nothing. The member that was refused is kept as a failed transaction, the others
    leave no trace."""
    page = book.bookmark(members)
    outcomes: list[Outcome] = []
    for culprit in members:
        outcome = _post_one(book, culprit)
        outcomes.append(outcome)
        if outcome.error is None:
            continue
        book.turn_back(page)
        refused = errors.GroupRefused(f"Refused because of {outcome.error.code}.")
        outcome = _kept_of_culprit(book, culprit, outcome)
        return [outcome if order is culprit else Outcome(None, refused) for order in members]
    return outcomes


def _kept_of_culprit(book: Book, culprit: Order, outcome: Outcome) -> Outcome:
    """What stays of the member that a group failed by."""
    if outcome.replayed or isinstance(outcome.error, errors.IdempotencyKeyReused):
        return outcome
    if outcome.posted is not None and outcome.posted.action == "failed":
        book.posted.append(outcome.posted)
    else:
        outcome = Outcome(None, outcome.error)
    keep_key(book, culprit, outcome)
    return outcome


def _post_one(book: Book, order: Order) -> Outcome:
    """Carry out one order on the accounts in memory."""
    if order.idempotency is not None:
        used = book.used_keys.get((order.actor.scope, order.idempotency.key))
        if used is not None:
            return replayed(order.idempotency, used)
    try:
        require_authority(book, order)
        _require_as_seen(book, order)
        match order:
            case Settlement():
                outcome = _settle(book, order)
            case Reversal():
                outcome = _reverse(book, order)
            case StatusChange():
                outcome = _change_status(book, order)
            case Instruction():
                outcome = _move(book, order, order)
    except LedgerError as error:
        outcome = Outcome(None, error)
    keep_key(book, order, outcome)
    return outcome


def _move(book: Book, order: Order, instruction: Instruction) -> Outcome:
    """Move the money, or hold it while it is pending."""
    source, destination = _accounts_of(book, instruction)
    allowance = book.allowances.get(source.id) if is_limited(instruction) else None
    refusal = refusal_of_movement(instruction, source, destination, allowance, book.at)
    transaction = _transaction(book, instruction, source, destination)
    if refusal is not None:
        transaction.status = TransactionStatus.FAILED
        transaction.failure_code = refusal.code
        return _post(book, order, "failed", transaction, refusal)
    if allowance is not None:
        allowance.spent += instruction.amount
    if instruction.allow_overdraft and source.house is None:
        source.cover(instruction.amount)
    if instruction.expires_at is not None:
        source.hold(instruction.amount, book.at)
        transaction.status = TransactionStatus.PENDING
        transaction.authorized_amount = instruction.amount
        transaction.expires_at = instruction.expires_at
        return _post(book, order, "pending", transaction, None)
    _complete(book, transaction, source, destination)
    if transaction.reverses_id is not None:
        book.reversed_amounts[transaction.reverses_id] += transaction.amount
    return _post(book, order, "completed", transaction, None)


def _complete(book: Book, transaction: Transaction, source: Account, destination: Account) -> None:
    """Both sides of every movement there is."""
    transaction.status = TransactionStatus.COMPLETED
    transaction.completed_at = book.at
    book.entries.append(source.post(-transaction.amount, transaction.pk, book.at))
    book.entries.append(destination.post(transaction.amount, transaction.pk, book.at))


def _settle(book: Book, order: Settlement) -> Outcome:
    """Capture a pending transaction, or let it go. One that has expired is let go in any case."""
    pending = book.transaction_of(order)
    source = book.accounts_by_id[pending.source_id]
    destination = book.accounts_by_id[pending.destination_id]
    amount = pending.amount if order.capture_amount is None else order.capture_amount
    refusal = refusal_of_settlement(pending, amount, source, destination, book.at)
    expired = isinstance(refusal, errors.PendingExpired)
    if refusal is not None and not expired:
        return Outcome(pending, refusal)
    source.release(pending.amount, book.at)
    settled = copy(pending)
    book.named[settled.pk] = settled
    if expired or amount == 0:
        settled.status = TransactionStatus.CANCELLED
        expired = expired or (pending.expires_at is not None and pending.expires_at <= book.at)
        action = "expired" if expired else "cancelled"
        return _post(book, order, action, settled, refusal)
    settled.amount = amount
    _complete(book, settled, source, destination)
    return _post(book, order, "captured", settled, None)


def _reverse(book: Book, order: Reversal) -> Outcome:
    """A reversal is a movement like any other, back from the receiver to the payer."""
    original = book.transaction_of(order)
    done = book.reversed_amounts[original.pk]
    left = original.amount - done
    amount = left if order.amount is None else order.amount
    refusal = refusal_of_reversal(original, amount, left)
    if refusal is not None:
        return Outcome(original, refusal)
    back = Instruction(
        type=TransactionType.REVERSAL,
        source=book.accounts_by_id[original.destination_id].owner,
        destination=book.accounts_by_id[original.source_id].owner,
        amount=amount,
        currency=original.currency,
        actor=order.actor,
        description=order.reason,
        reference=original.reference,
        reverses=original.pk,
        allow_overdraft=order.allow_overdraft,
        approved=order.approved,
        id=order.id,
    )
    return _move(book, order, back)


def _change_status(book: Book, order: StatusChange) -> Outcome:
    """Freeze a balance, or unfreeze it: no money moves."""
    account = _account(book, order.account_key)
    refusal = refusal_of_status_change(order, account, book.at)
    if refusal is not None:
        return Outcome(None, refusal)
    before = account.status_at(book.at)
    frozen = order.status != BalanceStatus.ACTIVE
    account.change_status(
        order.status,
        until=order.until if frozen else None,
        reason=order.reason if frozen else "",
        at=book.at,
    )
    owner = book.parties[order.user_id].username
    changed = StatusChanged(order, before, account.snapshot(), owner)
    book.status_changes.append(changed)
    return Outcome(None, status_changed=changed)


def _require_as_seen(book: Book, order: Order) -> None:
    """Raises VersionConflict when a balance has changed since the one who asks saw it."""
    for key, version in (order.seen or {}).items():
        account = book.accounts.get(key)
        if account is not None and account.version != version:
            raise version_conflict(account, version)


def _accounts_of(book: Book, instruction: Instruction) -> tuple[Account, Account]:
    """Raises SelfTransfer, or UnknownParty when there is nobody to move money to or from."""
    if instruction.source_key == instruction.destination_key:
        raise errors.SelfTransfer("Money can't be sent to the balance it comes from.")
    return (
        _account(book, instruction.source_key),
        _account(book, instruction.destination_key),
    )


def _account(book: Book, key: AccountKey) -> Account:
    account = book.accounts.get(key)
    closed = account is None or account.status == BalanceStatus.CLOSED
    if account is None or closed or (account.user_id and book.parties[account.user_id].is_deleted):
        raise errors.UnknownParty("There is no such user, or they were deleted.")
    return account


def _transaction(
    book: Book, instruction: Instruction, source: Account, destination: Account
) -> Transaction:
    return Transaction(
        id=instruction.id,
        type=instruction.type,
        source_id=source.id,
        destination_id=destination.id,
        amount=instruction.amount,
        currency=instruction.currency,
        description=instruction.description,
        reference=instruction.reference,
        metadata=dict(instruction.metadata),
        reverses_id=instruction.reverses,
        requested_by_id=instruction.actor.user_id,
        approved_by_id=instruction.approved.by.user_id if instruction.approved else None,
        created_at=book.at,
        effective_at=instruction.effective_at or book.at,
    )


def _post(
    book: Book, order: Order, action: str, transaction: Transaction, error: LedgerError | None
) -> Outcome:
    """Note what is to be written, with what the answer will show."""
    source = book.accounts_by_id[transaction.source_id]
    destination = book.accounts_by_id[transaction.destination_id]
    posted = Posted(
        order=order,
        action=action,
        transaction=transaction,
        source=source.owner,
        destination=destination.owner,
        from_user=book.parties.get(source.user_id or 0),
        to_user=book.parties.get(destination.user_id or 0),
        balance=shown_to(order.actor, source, destination).snapshot(),
        error=error,
    )
    book.posted.append(posted)
    return Outcome(transaction, error=error, posted=posted)


# --- Writing ---

_TRANSACTION_COLUMNS = (
    "id",
    "type",
    "status",
    "source_id",
    "destination_id",
    "amount",
    "authorized_amount",
    "currency",
    "description",
    "reference",
    "metadata",
    "failure_code",
    "reverses_id",
    "requested_by_id",
    "approved_by_id",
    "created_at",
    "effective_at",
    "completed_at",
    "expires_at",
)
_KEY_COLUMNS = (
    "scope",
    "key",
    "fingerprint",
    "transaction_id",
    "answer",
    "answer_status",
    "created_at",
)


def _write(book: Book) -> None:
    for p in book.posted:
        if isinstance(p.order, Settlement):  # first: what is captured here may be reversed here
            _write_settled(p.transaction)
    made = [p.transaction for p in book.posted if not isinstance(p.order, Settlement)]
    columns = attrgetter(*_TRANSACTION_COLUMNS)
    insert_rows(Transaction, _TRANSACTION_COLUMNS, [columns(t) for t in made])
    insert_rows(IdempotencyKey, _KEY_COLUMNS, [_key_row(book, new) for new in book.new_keys])
    changed = [account for account in book.accounts.values() if account.changed]
    if changed:
        save_accounts(changed, book.at)
        balances_changed.send(sender=None, accounts=changed, entries=book.entries, at=book.at)
    if book.posted:
        transactions_posted.send(sender=None, posted=book.posted, at=book.at)
    if book.status_changes:
        statuses_changed.send(sender=None, changes=book.status_changes, at=book.at)


def _write_settled(settled: Transaction) -> None:
    """Raises ConcurrentUpdate when it is no longer pending, although its balances are locked."""
    pending = Transaction.objects.filter(pk=settled.pk, status=TransactionStatus.PENDING)
    written = pending.update(
        status=settled.status, amount=settled.amount, completed_at=settled.completed_at
    )
    if written != 1:
        raise ConcurrentUpdate


def _key_row(book: Book, new: NewKey) -> tuple[object, ...]:
    return (
        new.scope,
        new.idempotency.key,
        new.idempotency.fingerprint,
        new.transaction_id,
        new.answer.body if new.answer else None,
        new.answer.status if new.answer else None,
        book.at,
    )
