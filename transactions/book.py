"""What the posting engine works on: the locked balances of one batch, everything that was read
under those locks, and what is about to be written."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import reduce
from operator import or_
from typing import Any
from uuid import UUID

from django.db.models import OuterRef, Q, Subquery, Sum
from django.utils import timezone

from balances.accounts import Account, Entry, lock_accounts
from balances.enums import AccountKey
from balances.openings import Opening
from ledgerlink.errors import LedgerError
from ledgerlink.rows import select_rows
from transactions import errors
from transactions.enums import TransactionStatus
from transactions.instructions import (
    Answer,
    Idempotency,
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
    asking,
)
from transactions.limits import Allowance, allowances_of, is_limited
from transactions.models import IdempotencyKey, Transaction
from users.models import User

KeyOfCaller = tuple[str, str]  # scope and idempotency key


@dataclass(frozen=True, slots=True)
class UsedKey:
    """`outcome` is None for the key of a unit, of which only the answer is kept."""

    fingerprint: str
    answer: Answer | None
    outcome: Outcome | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """An idempotency key that is used up by this batch."""

    scope: str
    idempotency: Idempotency
    transaction_id: UUID | None
    answer: Answer | None


@dataclass(slots=True)
class Book:
    """`reversed_amounts` tells, in minor units, how much of each named transaction was undone."""

    at: datetime
    accounts: dict[AccountKey, Account]
    accounts_by_id: dict[int, Account]
    parties: dict[int, Party]
    named: dict[UUID, Transaction]  # what settlements and reversals are about
    reversed_amounts: dict[UUID, int]
    used_keys: dict[KeyOfCaller, UsedKey]
    allowances: dict[int, Allowance]  # of the paying balances that have a limit, by id
    expired: list[Transaction]  # pending too long on these balances, and not named by an order
    new_keys: list[NewKey] = field(default_factory=list)
    posted: list[Posted] = field(default_factory=list)
    entries: list[Entry] = field(default_factory=list)
    status_changes: list[StatusChanged] = field(default_factory=list)

    @property
    def is_blank(self) -> bool:
        """Whether there is nothing to write."""
        return not (self.posted or self.new_keys or self.status_changes)

    def bookmark(self, orders: Sequence[Order]) -> "Bookmark":
        """Where `turn_back` shall return to, for all that `orders` can change."""
        accounts = [self.accounts[key] for key in self._keys_of(orders) if key in self.accounts]
        return Bookmark(
            accounts=[(account, account.snapshot()) for account in accounts],
            written=[(kind, len(kind)) for kind in self._to_be_written],
            named=dict(self.named),
            reversed_amounts=dict(self.reversed_amounts),
            used_keys=dict(self.used_keys),
            spent={pk: allowance.spent for pk, allowance in self.allowances.items()},
        )

    def turn_back(self, to: "Bookmark") -> None:
        for account, snapshot in to.accounts:
            account.restore(snapshot)
        for kind, length in to.written:
            del kind[length:]
        self.named = to.named
        self.reversed_amounts = to.reversed_amounts
        self.used_keys = to.used_keys
        for pk, spent in to.spent.items():
            self.allowances[pk].spent = spent

    @property
    def _to_be_written(self) -> tuple[list[Any], ...]:
        return self.posted, self.entries, self.new_keys, self.status_changes

    def transaction_of(self, order: Settlement | Reversal) -> Transaction:
        """Raises UnknownTransaction."""
        transaction = self.named.get(order.transaction_id)
        if transaction is None:
            raise errors.UnknownTransaction("There is no such transaction.")
        return transaction

    def _keys_of(self, orders: Sequence[Order]) -> set[AccountKey]:
        keys: set[AccountKey] = set()
        for order in orders:
            if isinstance(order, Instruction):
                keys |= {order.source_key, order.destination_key}
            elif isinstance(order, StatusChange):
                keys.add(order.account_key)
            elif order.transaction_id in self.named:
                named = self.named[order.transaction_id]
                for pk in (named.source_id, named.destination_id):
                    keys.add((self.accounts_by_id[pk].owner, named.currency))
        return keys


@dataclass(frozen=True, slots=True)
class Bookmark:
    """The state of a book before a group; `written` are lists, and how long they were."""

    accounts: list[tuple[Account, Account]]
    written: list[tuple[list[Any], int]]
    named: dict[UUID, Transaction]
    reversed_amounts: dict[UUID, int]
    used_keys: dict[KeyOfCaller, UsedKey]
    spent: dict[int, int]


def open_book(units: Sequence[Unit], *, recovering: bool = False) -> Book:
    """Lock every balance that the units touch, then read all that they will be judged by.

    `recovering`: some of it may have been posted before, so keys made here are looked up as well.
    """
    orders = [order for unit in units for order in unit.orders]
    accounts = lock_accounts(*_touched(orders), openings=_openings(orders))
    # Everything read from here on was committed before the locks were granted, and whoever would
    # change a transaction between these balances waits for us.
    at = timezone.now()
    parties = _parties(orders, accounts.values())
    named, reversed_amounts = _named(orders)
    return Book(
        at=at,
        accounts=accounts,
        accounts_by_id={account.id: account for account in accounts.values()},
        parties=parties,
        named=named,
        reversed_amounts=reversed_amounts,
        used_keys=_used_keys(units, recovering=recovering),
        allowances=allowances_of(_limited(orders, accounts), parties, at),
        expired=_expired(accounts.values(), named.values(), at),
    )


def _limited(orders: Sequence[Order], accounts: dict[AccountKey, Account]) -> list[Account]:
    """The users' balances out of which users ask to send money."""
    keys = {o.source_key for o in orders if isinstance(o, Instruction) and is_limited(o)}
    return [accounts[key] for key in keys if key in accounts]


def _expired(
    accounts: Iterable[Account], named: Collection[Transaction], at: datetime
) -> list[Transaction]:
    """Looked for where more is held than what the orders are about."""
    held_by_named: Counter[int] = Counter()
    for transaction in named:
        if transaction.status == TransactionStatus.PENDING:
            held_by_named[transaction.source_id] += transaction.amount
    holding = [account.id for account in accounts if account.held > held_by_named[account.id]]
    if not holding:
        return []
    pending = Transaction.objects.filter(
        status=TransactionStatus.PENDING, expires_at__lte=at, source_id__in=holding
    ).exclude(pk__in=[transaction.pk for transaction in named])
    return list(pending.select_related("destination__user"))


def _touched(orders: Sequence[Order]) -> tuple[set[AccountKey], set[int]]:
    """The balances that the orders touch, by owner and by id; those of transactions that do not
    exist are none."""
    keys: set[AccountKey] = set()
    ids: set[int] = set()
    unknown: set[UUID] = set()
    for order in orders:
        if isinstance(order, Instruction):
            keys |= {order.source_key, order.destination_key}
        elif isinstance(order, StatusChange):
            keys.add(order.account_key)
        elif order.balances is not None:
            ids |= order.balances
        else:
            unknown.add(order.transaction_id)
    if unknown:
        named = Transaction.objects.filter(pk__in=unknown)
        ids = ids.union(*named.values_list("source_id", "destination_id"))
    return keys, ids


def _openings(orders: Sequence[Order]) -> set[Opening]:
    """The balances that may have to be opened. What is refused without a trace opens none: a
    transfer to oneself, or to nobody, or one that somebody inactive asks for."""
    openings = set()
    for order in orders:
        if isinstance(order, Instruction) and order.source_key != order.destination_key:
            keys = {order.source_key, order.destination_key}
        elif isinstance(order, StatusChange):
            keys = {order.account_key}
        else:
            continue
        openings.add(Opening(frozenset(keys), asking(order)))
    return openings


def _parties(orders: Sequence[Order], accounts: Iterable[Account]) -> dict[int, Party]:
    ids = {account.user_id for account in accounts if account.user_id is not None}
    ids = ids.union(*(asking(order) for order in orders))
    columns = ("id", "username", "role", "is_active", "deleted_at")
    rows = select_rows(User, columns, "id", ids)
    return {
        pk: Party(pk, name, role, active, deleted is not None)
        for pk, name, role, active, deleted in rows
    }


def _named(orders: Sequence[Order]) -> tuple[dict[UUID, Transaction], dict[UUID, int]]:
    """The transactions that settlements and reversals are about, and how much of each that is to
    be reversed was undone before."""
    ids = {o.transaction_id for o in orders if isinstance(o, (Settlement, Reversal))}
    if not ids:
        return {}, {}
    if not any(isinstance(order, Reversal) for order in orders):
        return Transaction.objects.in_bulk(ids), {}
    named = Transaction.objects.annotate(undone=Subquery(_UNDONE)).in_bulk(ids)
    return dict(named), {pk: int(original.undone or 0) for pk, original in named.items()}


# By what they reverse alone: with the status beside it SQLite would read all completed ones.
_UNDONE = (
    Transaction.objects.filter(reverses=OuterRef("pk"))
    .order_by()
    .values("reverses")
    .annotate(total=Sum("amount", filter=Q(status=TransactionStatus.COMPLETED)))
    .values("total")
)


def _used_keys(units: Sequence[Unit], *, recovering: bool) -> dict[KeyOfCaller, UsedKey]:
    asked: dict[str, list[str]] = {}
    for unit in units:
        for keyed in (unit, *unit.orders):
            key = keyed.idempotency
            if key is not None and (recovering or not key.is_ours):
                asked.setdefault(unit.scope, []).append(key.key)
    if not asked:
        return {}
    wanted = reduce(or_, (Q(scope=scope, key__in=keys) for scope, keys in asked.items()))
    kept = IdempotencyKey.objects.filter(wanted).select_related("transaction")
    return {(k.scope, k.key): _used(k) for k in kept}


def _used(kept: IdempotencyKey) -> UsedKey:
    answer = None
    if kept.answer is not None and kept.answer_status is not None:
        answer = Answer(kept.answer_status, kept.answer)
    error = _error_of(kept.transaction, answer)
    outcome = None
    if kept.transaction is not None or error is not None:
        outcome = Outcome(kept.transaction, error=error, answer=answer, replayed=True)
    return UsedKey(kept.fingerprint, answer, outcome)


def _error_of(transaction: Transaction | None, answer: Answer | None) -> LedgerError | None:
    """That it was refused. A refused capture or reversal is about a transaction that did not
    fail."""
    refused = errors.RefusedBefore() if answer is not None and answer.status >= 400 else None
    failure = None if transaction is None else errors.refusal_of(transaction.failure_code)
    return failure or refused
