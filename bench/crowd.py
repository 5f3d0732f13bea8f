"""Loads large books: many users, and transactions of every kind between them.

Rare things are rare: one transaction in a thousand is an adjustment or in Bahraini dinars. Carol
sends and receives a tenth of all; Dave did so only in the oldest hundredth.
"""

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

START = datetime(2024, 1, 1, tzinfo=UTC)
STEP = timedelta(seconds=30)  # between two transactions: a million are almost a year
CHUNK = 20_000
CURRENCIES = {"USD": 80, "EUR": 15, "JPY": 4.9, "BHD": 0.1}
TYPES = {"transfer": 70, "deposit": 20, "withdrawal": 9.7, "adjustment": 0.3}
STATUSES = {"completed": 95, "failed": 3.8, "cancelled": 1, "pending": 0.2}
CAROL, DAVE = 1, 2  # ids of users
USER = ("id", "password", "username", "email", "role", "is_superuser", "is_active",
        "created_at", "updated_at")  # fmt: skip
BALANCE = ("id", "user_id", "house", "currency", "amount", "held", "overdraft_limit",
           "forced_overdraft", "version", "entry_count", "status", "freeze_reason", "created_at",
           "updated_at")  # fmt: skip
TRANSACTION = ("id", "type", "status", "source_id", "destination_id", "amount",
               "authorized_amount", "currency", "description", "reference", "metadata",
               "failure_code", "created_at", "effective_at", "completed_at",
               "expires_at")  # fmt: skip
ENTRY = ("balance_id", "transaction_id", "delta", "amount_before", "amount_after", "version",
         "created_at")  # fmt: skip
RECORD = ("actor_id", "actor_name", "action", "entity_type", "entity_id", "details",
          "request_id", "trace_id", "ip", "created_at")  # fmt: skip
KEY = ("scope", "key", "fingerprint", "transaction_id", "answer", "answer_status", "created_at")

Row = tuple[Any, ...]


def moment(number: int) -> datetime:
    return START + STEP * number


def key(number: int) -> UUID:
    """A UUIDv7 of the moment."""
    return key_made(moment(number), number)


def key_made(at: datetime, number: int) -> UUID:
    milliseconds = int(at.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | number)


class Crowd:
    """`users` people with one balance each and `transactions` between them, from a fixed seed."""

    def __init__(
        self, users: int, transactions: int, start: datetime = START, step: timedelta = STEP
    ) -> None:
        self.users = users
        self.transactions = transactions
        self.start = start
        self.step = step
        self.dice = random.Random(7)
        self.currency_of = [
            "USD" if number in {CAROL, DAVE} else self._one_of(CURRENCIES)
            for number in range(users + 1)
        ]
        self.people = defaultdict(list)
        for number in range(1, users + 1):
            self.people[self.currency_of[number]].append(number)
        houses = [(house, code) for house in ("external", "adjustments") for code in CURRENCIES]
        self.house = {name: users + place for place, name in enumerate(houses, 1)}
        self.entries: dict[int, int] = defaultdict(int)  # by balance
        self.amounts: dict[int, int] = defaultdict(int)

    def load(self) -> None:
        """Insert everything into the empty tables."""
        from audit.models import AuditLog
        from balances.models import Balance, BalanceHistory, Currency
        from transactions.models import IdempotencyKey, Transaction
        from users.models import User

        exponents = dict.fromkeys(CURRENCIES, 2) | {"JPY": 0, "BHD": 3}
        _insert(Currency, ("code", "exponent"), [*exponents.items()])
        for numbers in _chunks(1, self.users + 1):
            _insert(User, USER, [self._user(n) for n in numbers])
        for numbers in _chunks(1, self.users + 1):
            _insert(Balance, BALANCE, [self._balance(n) for n in numbers])
        houses = self.house.items()
        _insert(Balance, BALANCE, [self._house(pk, *who) for who, pk in houses])
        for numbers in _chunks(0, self.transactions):
            rows = [self._transaction(n) for n in numbers]
            _insert(Transaction, TRANSACTION, rows)
            _insert(BalanceHistory, ENTRY, [e for row in rows for e in self._entries(row)])
            _insert(AuditLog, RECORD, [self._record(row) for row in rows])
            _insert(
                IdempotencyKey,
                KEY,
                [self._key(n, row) for n, row in zip(numbers, rows, strict=True)],
            )

    def _one_of(self, weights: dict[str, float]) -> str:
        return self.dice.choices(list(weights), list(weights.values()))[0]

    def _moment(self, number: int) -> datetime:
        return self.start + self.step * number

    def _user(self, number: int) -> Row:
        name = {CAROL: "carol", DAVE: "dave"}.get(number, f"user-{number}")
        role = "finance" if number % 5000 == 0 else "user"
        active = number % 997 != 0
        at = self._moment(number % max(self.transactions, 1))
        return number, "!", name, f"{name}@example.com", role, False, active, at, at

    def _balance(self, number: int) -> Row:
        at, status = self.start, "frozen" if number % 1999 == 0 else "active"
        amount = int(10 ** self.dice.uniform(2, 9))
        currency = self.currency_of[number]
        return number, number, None, currency, amount, 0, 0, 0, 9, 9, status, "", at, at

    def _house(self, pk: int, house: str, currency: str) -> Row:
        at = self.start
        return pk, None, house, currency, -(10**12), 0, 0, 0, 9, 9, "active", "", at, at

    def _transaction(self, number: int) -> Row:
        at, kind = self._moment(number), self._one_of(TYPES)
        status = self._one_of(STATUSES)
        source, destination, currency = self._parties(number, kind)
        amount = int(10 ** self.dice.uniform(2, 8))
        held = amount if status in {"pending", "cancelled"} else None
        failure = "insufficient_funds" if status == "failed" else ""
        done = at if status == "completed" else None
        expires = at + timedelta(days=7) if held else None
        return (
            key_made(at, number), kind, status, source, destination, amount, held, currency,
            "Invoice", f"INV-{number:07}", {"order": number}, failure, at, at, done, expires,
        )  # fmt: skip

    def _parties(self, number: int, kind: str) -> tuple[int, int, str]:
        old = number < self.transactions // 100
        one = (DAVE if old else CAROL) if number % 10 == 0 else self.dice.randint(1, self.users)
        currency = self.currency_of[one]
        if kind == "transfer" and len(self.people[currency]) > 1:
            other = one
            while other == one:
                other = self.dice.choice(self.people[currency])
        else:
            house = "adjustments" if kind == "adjustment" else "external"
            other = self.house[house, currency]
        return (other, one, currency) if kind == "deposit" else (one, other, currency)

    def _entries(self, row: Row) -> Iterator[Row]:
        pk, status, at = row[0], row[2], row[12]
        if status != "completed":
            return
        for balance, delta in ((row[3], -row[5]), (row[4], row[5])):
            self.entries[balance] += 1
            before = self.amounts[balance]
            self.amounts[balance] += delta
            yield balance, pk, delta, before, before + delta, self.entries[balance], at

    def _record(self, row: Row) -> Row:
        at, action = row[12], f"transaction.{row[2]}"
        details = {"type": row[1], "amount": str(row[5]), "currency": row[7]}
        who = self.dice.randint(1, 50)
        request = f"{self.dice.getrandbits(128):032x}"
        return (
            str(who), f"user-{who}", action, "transaction", str(row[0]), details,
            request, request, "203.0.113.7", at,
        )  # fmt: skip

    @staticmethod
    def _key(number: int, row: Row) -> Row:
        return f"user:{number % 50}", f"key-{number}", "0" * 64, row[0], "{}", 201, row[12]


def _chunks(first: int, end: int) -> Iterator[range]:
    for start in range(first, end, CHUNK):
        yield range(start, min(start + CHUNK, end))


def _insert(model: Any, columns: Sequence[str], rows: list[Row]) -> None:
    from django.db.transaction import atomic

    from ledgerlink.rows import insert_rows

    with atomic():
        insert_rows(model, columns, rows)
