"""What the posting engine is asked, and what it answers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from balances.accounts import Account
from balances.enums import AccountKey, House, Owner
from ledgerlink.errors import LedgerError
from transactions.enums import TransactionType
from transactions.models import Transaction
from users.actors import Actor


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The caller's key, the SHA-256 of what it was sent with, and whether the answer is kept
    (commands keep none: they ask only whether it was done)."""

    key: str
    fingerprint: str
    keep_answer: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """Move `amount` minor units of `currency` from `source` to `destination`.

    The id of the transaction is made here, before anything is posted, so that a batch whose
    commit was interrupted can find out whether it happened.
    """

    type: TransactionType
    source: Owner
    destination: Owner
    amount: int
    currency: str
    actor: Actor
    description: str = ""
    reference: str = ""
    metadata: Mapping[str, Any] = field(default_factory=dict)
    effective_at: datetime | None = None  # None: when it is posted
    expected_version: int | None = None  # of the source balance
    idempotency: Idempotency | None = None
    group: str | None = None  # instructions of one group are posted all or none
    id: UUID = field(default_factory=uuid7)

    @property
    def source_key(self) -> AccountKey:
        return self.source, self.currency

    @property
    def destination_key(self) -> AccountKey:
        return self.destination, self.currency

    @property
    def owner_key(self) -> AccountKey:
        """The balance that the answer shows: the payer's, or the receiver's of a deposit."""
        return self.destination_key if isinstance(self.source, House) else self.source_key


@dataclass(frozen=True, slots=True)
class Party:
    """A user as the engine saw them under the lock."""

    id: int
    username: str
    is_active: bool
    is_deleted: bool


@dataclass(frozen=True, slots=True)
class Posted:
    """A transaction that was written, completed or failed, with what it was asked by."""

    instruction: Instruction
    transaction: Transaction
    from_user: Party | None
    to_user: Party | None
    balance: Account  # a snapshot of `owner_key`'s, as this transaction left it
    error: LedgerError | None


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answers: the HTTP status and the JSON text."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one instruction.

    `transaction` is None when nothing was kept. `error` tells why no money moved. `posted` is what
    was written just now; on a replay it is None, and `answer` is what was kept of the first time.
    """

    transaction: Transaction | None
    error: LedgerError | None = None
    posted: Posted | None = None
    answer: Answer | None = None
    replayed: bool = False
