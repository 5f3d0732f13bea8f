"""Short words for tests that move money: amounts are strings, owners are users."""

import hashlib
from collections import defaultdict
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from django.contrib.auth.hashers import make_password
from django.db.models import F, Sum
from django.utils import timezone

from balances.accounts import Account
from balances.enums import BalanceStatus, House, Owner
from balances.models import Balance, BalanceHistory
from balances.money import parse_amount
from transactions.enums import TransactionStatus, TransactionType
from transactions.instructions import (
    Idempotency,
    Instruction,
    Order,
    Outcome,
    Reversal,
    Settlement,
)
from transactions.models import Transaction
from transactions.processor import post_directly
from users.actors import Actor
from users.models import User
from users.roles import Role

PASSWORD = "correct-horse-7"
SYSTEM = Actor.system("tests")


@cache
def _hashed_once() -> str:
    return make_password(PASSWORD)


def make_user(username: str, role: Role = Role.USER, **fields: Any) -> User:
    """A user who signs in with PASSWORD; hashed once for all."""
    fields.setdefault("email", f"{username}@example.com")
    return User.objects.create(username=username, role=role, password=_hashed_once(), **fields)


def idempotency(key: str, said: str = "") -> Idempotency:
    """A key sent with a request whose text was `said`."""
    return Idempotency(key, hashlib.sha256(said.encode()).hexdigest())


def _owner(party: User | House) -> Owner:
    return party if isinstance(party, House) else party.pk


def instruction(
    kind: TransactionType,
    source: User | House,
    destination: User | House,
    amount: str,
    currency: str = "USD",
    **fields: Any,
) -> Instruction:
    """`fields` are those of Instruction; it is asked by the tests' system actor unless given."""
    fields.setdefault("actor", SYSTEM)
    return Instruction(
        type=kind,
        source=_owner(source),
        destination=_owner(destination),
        amount=parse_amount(amount, currency),
        currency=currency,
        **fields,
    )


def transfer(
    source: User, destination: User, amount: str, currency: str = "USD", **fields: Any
) -> Instruction:
    return instruction(TransactionType.TRANSFER, source, destination, amount, currency, **fields)


def deposit(to: User, amount: str, currency: str = "USD", **fields: Any) -> Instruction:
    return instruction(TransactionType.DEPOSIT, House.EXTERNAL, to, amount, currency, **fields)


def withdrawal(source: User, amount: str, currency: str = "USD", **fields: Any) -> Instruction:
    return instruction(
        TransactionType.WITHDRAWAL, source, House.EXTERNAL, amount, currency, **fields
    )


def in_an_hour() -> datetime:
    """When a hold of the tests expires unless they say otherwise."""
    return timezone.now() + timedelta(hours=1)


def hold(
    source: User | House,
    destination: User | House,
    amount: str,
    currency: str = "USD",
    **fields: Any,
) -> Transaction:
    """A pending transfer (deposit, withdrawal) that was posted just now."""
    kind = TransactionType.TRANSFER
    if isinstance(source, House) or isinstance(destination, House):
        kind = TransactionType.DEPOSIT if isinstance(source, House) else TransactionType.WITHDRAWAL
    fields.setdefault("expires_at", in_an_hour())
    outcome = post_one(instruction(kind, source, destination, amount, currency, **fields))
    assert outcome.error is None
    assert outcome.transaction is not None
    return outcome.transaction


def capture(pending: Transaction, amount: str | None = None, **fields: Any) -> Settlement:
    """All of it, or `amount`."""
    minor = None if amount is None else parse_amount(amount, pending.currency)
    fields.setdefault("actor", SYSTEM)
    return Settlement(transaction_id=pending.pk, capture_amount=minor, **fields)


def cancel(pending: Transaction, **fields: Any) -> Settlement:
    fields.setdefault("actor", SYSTEM)
    return Settlement(transaction_id=pending.pk, capture_amount=0, **fields)


def reverse(original: Transaction, amount: str | None = None, **fields: Any) -> Reversal:
    """All that is left of it, or `amount`."""
    minor = None if amount is None else parse_amount(amount, original.currency)
    fields.setdefault("actor", SYSTEM)
    fields.setdefault("reason", "sent back")
    return Reversal(transaction_id=original.pk, amount=minor, **fields)


def expire(pending: Transaction) -> None:
    """Let its time have passed a second ago."""
    past = timezone.now() - timedelta(seconds=1)
    assert Transaction.objects.filter(pk=pending.pk, status="pending").update(expires_at=past) == 1


def stored(transaction: Transaction) -> Transaction:
    """The row as the database has it now."""
    return Transaction.objects.get(pk=transaction.pk)


def standing(owner: User | House, currency: str = "USD") -> tuple[int, int, int, int]:
    """Posted, held and available minor units, and the version."""
    balance = balance_of(owner, currency)
    return balance.amount, balance.held, balance.available, balance.version


def post_one(asked: Order) -> Outcome:
    (outcome,) = post_directly([asked])
    return outcome


def fund(user: User, amount: str, currency: str = "USD") -> Transaction:
    """Deposit `amount` into the user's balance, opening it when it is the first."""
    outcome = post_one(deposit(user, amount, currency))
    assert outcome.error is None
    assert outcome.transaction is not None
    return outcome.transaction


def post_refused(asked: Instruction, kind: type[Exception]) -> Transaction | None:
    """Post it, see that it was refused as `kind`, and return what was kept."""
    outcome = post_one(asked)
    assert type(outcome.error) is kind
    if outcome.transaction is not None:
        stored = Transaction.objects.get(pk=outcome.transaction.pk)
        assert stored.status == TransactionStatus.FAILED
        assert stored.failure_code == outcome.error.code
        assert stored.completed_at is None
        assert not stored.entries.exists()
    assert_books_are_sound()
    return outcome.transaction


def change_balance(owner: User, **fields: object) -> None:
    """A change of the row that is not a movement, as the back-office makes it."""
    Balance.objects.filter(user=owner).update(version=F("version") + 1, **fields)


def balance_of(owner: User | House, currency: str = "USD") -> Balance:
    """The row as the database has it now."""
    if isinstance(owner, House):
        return Balance.objects.get(house=owner, currency=currency)
    return Balance.objects.get(user=owner, currency=currency)


def amount_of(owner: User | House, currency: str = "USD") -> int:
    """Posted amount in minor units; 0 while no balance was opened."""
    owned = {"house": owner} if isinstance(owner, House) else {"user": owner}
    row = Balance.objects.filter(currency=currency, **owned).values_list("amount", flat=True)
    return next(iter(row), 0)


def an_account(**fields: Any) -> Account:
    """One in memory, of a user with id 7."""
    usual = {
        "id": 1,
        "user_id": 7,
        "house": None,
        "currency": "USD",
        "amount": 1_000,
        "held": 300,
        "overdraft_limit": 50,
        "forced_overdraft": 0,
        "version": 9,
        "entry_count": 4,
        "status": BalanceStatus.ACTIVE,
        "updated_at": timezone.now(),
    }
    return Account(**{**usual, **fields})


def assert_books_are_sound() -> None:
    """Prove the invariants of the books from the tables alone, without the code under test."""
    last: dict[int, tuple[int, int]] = defaultdict(lambda: (0, 0))  # version, amount
    legs: dict[Any, list[tuple[int, int]]] = defaultdict(list)  # transaction: (balance, delta)
    held: dict[int, int] = defaultdict(int)  # by balance
    given_back: dict[Any, int] = defaultdict(int)  # by the transaction that was reversed
    for entry in BalanceHistory.objects.order_by("balance_id", "version"):
        version, amount = last[entry.balance_id]
        assert entry.version == version + 1
        assert entry.amount_before == amount
        assert entry.amount_after == amount + entry.delta
        last[entry.balance_id] = entry.version, entry.amount_after
        legs[entry.transaction_id].append((entry.balance_id, entry.delta))
    transactions = list(Transaction.objects.all())
    for t in transactions:
        if t.status == TransactionStatus.PENDING:
            held[t.source_id] += t.amount
        if t.status == TransactionStatus.COMPLETED and t.reverses_id is not None:
            given_back[t.reverses_id] += t.amount
    for balance in Balance.objects.all():
        assert (balance.entry_count, balance.amount) == last[balance.pk]
        assert balance.held == held[balance.pk]
        assert balance.house is not None or balance.available >= -balance.forced_overdraft
    for t in transactions:
        moved = t.status == TransactionStatus.COMPLETED
        assert given_back[t.pk] <= (t.amount if moved else 0)
        expected = [(t.source_id, -t.amount), (t.destination_id, t.amount)] if moved else []
        assert sorted(legs.pop(t.pk, [])) == sorted(expected)
    assert not legs
    totals = Balance.objects.values("currency").annotate(total=Sum("amount"))
    assert [row for row in totals if row["total"] != 0] == []
