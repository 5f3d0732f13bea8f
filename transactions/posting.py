"""The posting engine: the only code that moves money.

`post` takes instructions and answers outcomes, in one database transaction. In order:

1. lock every balance involved, in primary key order; look up the parties and the idempotency
   keys already used, under those locks;
2. apply each instruction in memory, in arrival order. One that is refused becomes a failed
   transaction and does not disturb the others, unless it belongs to an all-or-nothing group;
3. write transactions, keys and balances in bulk, the balances guarded by their versions;
4. send `balances_changed` and `transactions_posted`, whose receivers write the balance history
   and the audit trail; one that fails rolls everything back;
5. commit. The cache was fenced before and is renewed after (`balances.receivers`).

Errors of the database are not handled here but in `transactions.batches`, which retries.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from itertools import groupby
from operator import or_

from django.db.models import Q
from django.db.transaction import atomic
from django.utils import timezone

from balances.accounts import Account, Entry, lock_accounts, save_accounts
from balances.enums import AccountKey, BalanceStatus, House
from balances.money import MAX_BALANCE, format_amount
from balances.signals import balances_changed
from ledgerlink.errors import LedgerError
from ledgerlink.rows import insert_rows
from transactions import errors
from transactions.enums import TransactionStatus
from transactions.instructions import Answer, Instruction, Outcome, Party, Posted
from transactions.models import IdempotencyKey, Transaction
from transactions.representation import answer_of
from transactions.signals import transactions_posted
from users.models import User

KeyOfCaller = tuple[str, str]  # scope and idempotency key


@dataclass(slots=True)
class _Book:
    """The locked balances of one batch, and what is about to be written."""

    accounts: dict[AccountKey, Account]
    parties: dict[int, Party]
    used_keys: dict[KeyOfCaller, tuple[str, Outcome]]  # fingerprint, what became of it
    at: datetime
    posted: list[Posted] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)


def post(instructions: Sequence[Instruction]) -> list[Outcome]:
    """Post `instructions` in one database transaction; the outcomes are in the same order.

    Instructions of one `group` stand side by side. A refusal is an outcome, never an exception;
    database errors and `ConcurrentUpdate` are raised, and then nothing was posted.
    """
    with atomic():
        book = _open_book(instructions)
        outcomes: list[Outcome] = []
        for group, members in groupby(instructions, key=lambda i: i.group):
            if group is None:
                outcomes += [_post_one(book, instruction) for instruction in members]
            else:
                outcomes += _post_group(book, list(members))
        if book.posted:
            _write(book)
    return outcomes


def _open_book(instructions: Sequence[Instruction]) -> _Book:
    keys = {key for i in instructions for key in (i.source_key, i.destination_key)}
    accounts = lock_accounts(keys)
    # Everything read from here on was committed before the locks were granted.
    return _Book(
        accounts=accounts,
        parties=_parties(instructions),
        used_keys=_used_keys(instructions),
        at=timezone.now(),
    )


def _parties(instructions: Sequence[Instruction]) -> dict[int, Party]:
    ids = {
        owner
        for i in instructions
        for owner in (i.source, i.destination, i.actor.user_id)
        if owner is not None and not isinstance(owner, House)
    }
    rows = User.objects.filter(pk__in=ids).values_list("pk", "username", "is_active", "deleted_at")
    return {pk: Party(pk, name, active, deleted is not None) for pk, name, active, deleted in rows}


def _used_keys(instructions: Sequence[Instruction]) -> dict[KeyOfCaller, tuple[str, Outcome]]:
    asked: dict[str, list[str]] = {}
    for i in instructions:
        if i.idempotency is not None:
            asked.setdefault(i.actor.scope, []).append(i.idempotency.key)
    if not asked:
        return {}
    wanted = reduce(or_, (Q(scope=scope, key__in=keys) for scope, keys in asked.items()))
    kept = IdempotencyKey.objects.filter(wanted).select_related("transaction")
    return {(k.scope, k.key): (k.fingerprint, _replay(k)) for k in kept}


def _replay(key: IdempotencyKey) -> Outcome:
    answer = None
    if key.answer is not None and key.answer_status is not None:
        answer = Answer(key.answer_status, key.answer)
    error = errors.refusal_of(key.transaction.failure_code)
    return Outcome(key.transaction, error=error, answer=answer, replayed=True)


def _post_group(book: _Book, members: list[Instruction]) -> list[Outcome]:
    """All or nothing. The member that was refused is kept as a failed transaction, the others
    leave no trace."""
    before = [(account, account.snapshot()) for account in _involved(book, members)]
    marks = len(book.posted), len(book.entries)
    keys = dict(book.used_keys)
    outcomes: list[Outcome] = []
    for culprit in members:
        outcome = _post_one(book, culprit)
        outcomes.append(outcome)
        if outcome.error is None:
            continue
        for account, snapshot in before:
            account.restore(snapshot)
        del book.posted[marks[0] :], book.entries[marks[1] :]
        book.used_keys = keys
        if outcome.posted is not None:
            _keep(book, outcome.posted)
        refused = errors.GroupRefused(f"Refused because of {outcome.error.code}.")
        return [outcome if i is culprit else Outcome(None, refused) for i in members]
    return outcomes


def _involved(book: _Book, members: list[Instruction]) -> list[Account]:
    keys = {key for i in members for key in (i.source_key, i.destination_key)}
    return [book.accounts[key] for key in keys if key in book.accounts]


def _post_one(book: _Book, instruction: Instruction) -> Outcome:
    """Apply one instruction to the accounts in memory."""
    replay = _replayed(book, instruction)
    if replay is not None:
        return replay
    try:
        source, destination = _accounts_of(book, instruction)
    except LedgerError as error:
        return Outcome(None, error)
    refusal = _refusal(instruction, source, destination)
    transaction = _transaction(book, instruction, source, destination, refusal)
    if refusal is None:
        book.entries.append(source.post(-instruction.amount, transaction.pk, book.at))
        book.entries.append(destination.post(instruction.amount, transaction.pk, book.at))
    posted = Posted(
        instruction=instruction,
        transaction=transaction,
        from_user=book.parties.get(source.user_id or 0),
        to_user=book.parties.get(destination.user_id or 0),
        balance=book.accounts[instruction.owner_key].snapshot(),
        error=refusal,
    )
    return _keep(book, posted)


def _keep(book: _Book, posted: Posted) -> Outcome:
    book.posted.append(posted)
    outcome = Outcome(posted.transaction, error=posted.error, posted=posted)
    instruction = posted.instruction
    if instruction.idempotency is not None:
        key = instruction.actor.scope, instruction.idempotency.key
        book.used_keys[key] = instruction.idempotency.fingerprint, outcome
    return outcome


def _replayed(book: _Book, instruction: Instruction) -> Outcome | None:
    if instruction.idempotency is None:
        return None
    used = book.used_keys.get((instruction.actor.scope, instruction.idempotency.key))
    if used is None:
        return None
    fingerprint, first = used
    if fingerprint != instruction.idempotency.fingerprint:
        return Outcome(
            None,
            errors.IdempotencyKeyReused(
                "This idempotency key was used with another request. Use a new key."
            ),
        )
    answer = first.answer or (answer_of(first.posted) if first.posted is not None else None)
    return Outcome(first.transaction, error=first.error, answer=answer, replayed=True)


def _accounts_of(book: _Book, instruction: Instruction) -> tuple[Account, Account]:
    """The two accounts. Raises what leaves no trace: there is nobody to move money to or from, or
    the one who asks is no longer allowed to."""
    actor = instruction.actor
    if actor.user_id is not None:
        asking = book.parties.get(actor.user_id)
        if asking is None or not asking.is_active:
            raise errors.ActorInactive("This user has been deactivated.")
    if instruction.source_key == instruction.destination_key:
        raise errors.SelfTransfer("Money can't be sent to the balance it comes from.")
    source = book.accounts.get(instruction.source_key)
    destination = book.accounts.get(instruction.destination_key)
    for account in (source, destination):
        if account is None or account.status == BalanceStatus.CLOSED:
            raise errors.UnknownParty("There is no such user, or they were deleted.")
        if account.user_id is not None and book.parties[account.user_id].is_deleted:
            raise errors.UnknownParty("There is no such user, or they were deleted.")
    assert source is not None
    assert destination is not None
    return source, destination


def _refusal(
    instruction: Instruction, source: Account, destination: Account
) -> errors.PostingRefused | None:
    """Why this instruction may not be applied, or None."""
    expected = instruction.expected_version
    if expected is not None and expected != source.version:
        return errors.VersionConflict(
            f"The balance has version {source.version}, not {expected}.",
            current_version=source.version,
        )
    if not source.may_send:
        return errors.BalanceFrozen("No money may leave the paying balance.")
    if not destination.may_receive:
        return errors.BalanceFrozen("The receiving balance is frozen.")
    if source.house is None and instruction.amount > source.available:
        return errors.InsufficientFunds(
            f"{format_amount(instruction.amount, instruction.currency)} {instruction.currency} "
            "is more than is available."
        )
    if max(abs(source.amount - instruction.amount), destination.amount + instruction.amount) > (
        MAX_BALANCE
    ):
        return errors.BalanceLimitExceeded("A balance can't hold that much.")
    return None


def _transaction(
    book: _Book,
    instruction: Instruction,
    source: Account,
    destination: Account,
    refusal: errors.PostingRefused | None,
) -> Transaction:
    return Transaction(
        id=instruction.id,
        type=instruction.type,
        status=TransactionStatus.COMPLETED if refusal is None else TransactionStatus.FAILED,
        source_id=source.id,
        destination_id=destination.id,
        amount=instruction.amount,
        currency=instruction.currency,
        description=instruction.description,
        reference=instruction.reference,
        metadata=dict(instruction.metadata),
        failure_code="" if refusal is None else refusal.code,
        requested_by_id=instruction.actor.user_id,
        created_at=book.at,
        effective_at=instruction.effective_at or book.at,
        completed_at=book.at if refusal is None else None,
    )


_TRANSACTION_COLUMNS = (
    "id",
    "type",
    "status",
    "source_id",
    "destination_id",
    "amount",
    "currency",
    "description",
    "reference",
    "metadata",
    "failure_code",
    "requested_by_id",
    "created_at",
    "effective_at",
    "completed_at",
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


def _write(book: _Book) -> None:
    insert_rows(
        Transaction,
        _TRANSACTION_COLUMNS,
        [[getattr(p.transaction, name) for name in _TRANSACTION_COLUMNS] for p in book.posted],
    )
    insert_rows(IdempotencyKey, _KEY_COLUMNS, [_key_row(p) for p in book.posted if _has_key(p)])
    changed = [account for account in book.accounts.values() if account.changed]
    if changed:
        save_accounts(changed, book.at)
        balances_changed.send(sender=None, accounts=changed, entries=book.entries, at=book.at)
    transactions_posted.send(sender=None, posted=book.posted, at=book.at)


def _has_key(posted: Posted) -> bool:
    return posted.instruction.idempotency is not None


def _key_row(posted: Posted) -> tuple[object, ...]:
    idempotency = posted.instruction.idempotency
    assert idempotency is not None
    answer = answer_of(posted) if idempotency.keep_answer else None
    return (
        posted.instruction.actor.scope,
        idempotency.key,
        idempotency.fingerprint,
        posted.transaction.pk,
        answer.body if answer else None,
        answer.status if answer else None,
        posted.transaction.created_at,
    )
