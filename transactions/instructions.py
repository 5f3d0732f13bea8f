"""What the posting engine is asked, and what it answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from uuid_utils.compat import uuid7

from balances.accounts import Account
from balances.enums import AccountKey, BalanceStatus, House, Owner
from ledgerlink.context import NO_REQUEST, RequestContext
from ledgerlink.errors import LedgerError
from transactions.enums import TransactionType
from transactions.models import Transaction
from users.actors import Actor
from users.models import User
from users.roles import CAPABILITIES, Capability, Role


@dataclass(frozen=True, slots=True)
class Idempotency:
    """The caller's key, the SHA-256 of what it was sent with (empty for a key made here, which
    nobody can have used before), and whether the answer is kept (commands keep none: they ask only
    whether it was done)."""

    key: str
    fingerprint: str
    keep_answer: bool = True

    @property
    def is_ours(self) -> bool:
        return not self.fingerprint


# Balances as the one who asks has seen them, by their versions: where one has changed since, the
# order is refused and nothing is kept.
Seen = Mapping[AccountKey, int]


@dataclass(frozen=True, slots=True)
class Approved:
    """That a second person agreed to an order. Only `transactions.approvals` says so (a test holds
    it)."""

    approval_id: UUID
    by: Actor


@dataclass(frozen=True, slots=True, kw_only=True)
class Instruction:
    """Move `amount` minor units of `currency` from `source` to `destination`, or, with
    `expires_at`, hold them until they are captured or cancelled.

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
    expires_at: datetime | None = None  # pending until then
    expected_version: int | None = None  # of the source balance
    min_balance_after: int | None = None  # minor units, of the source balance
    reverses: UUID | None = None
    allow_overdraft: bool = False  # takes the payer below their limit where funds are short
    seen: Seen | None = None
    approved: Approved | None = None
    idempotency: Idempotency | None = None
    group: str | None = None  # instructions of one group are posted all or none
    id: UUID = field(default_factory=uuid7)

    @property
    def source_key(self) -> AccountKey:
        return self.source, self.currency

    @property
    def destination_key(self) -> AccountKey:
        return self.destination, self.currency


def _unnamed_key() -> Idempotency:
    return Idempotency(str(uuid7()), "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Settlement:
    """What becomes of a pending transaction: `capture_amount` minor units of it move (0: none, it
    is cancelled; None: all), and the rest of the hold is let go.

    It makes no transaction, so it always has a key: that is how an interrupted one is found.
    `balances` are the ids of the transaction's, which never change: None to have them looked up.
    """

    transaction_id: UUID
    capture_amount: int | None
    actor: Actor
    balances: frozenset[int] | None = None
    seen: Seen | None = None
    approved: None = None  # whoever may settle needs nobody else
    idempotency: Idempotency = field(default_factory=_unnamed_key)
    group: str | None = None
    id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reversal:
    """Move `amount` minor units of a completed transaction back (None: all that is left of it).
    `reason` is for the books and must not be empty; `balances` as for a settlement."""

    transaction_id: UUID
    amount: int | None
    reason: str
    actor: Actor
    balances: frozenset[int] | None = None
    allow_overdraft: bool = False
    seen: Seen | None = None
    approved: Approved | None = None
    idempotency: Idempotency | None = None
    group: str | None = None
    id: UUID = field(default_factory=uuid7)


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusChange:
    """Freeze a user's balance until a moment (None: until it is unfrozen), or unfreeze it.

    With `if_over` only a freeze whose end has come is cleared. It makes no transaction and has no
    key: asked twice, it changes nothing the second time.
    """

    user_id: int
    currency: str
    status: BalanceStatus
    reason: str
    actor: Actor
    until: datetime | None = None
    if_over: bool = False
    seen: Seen | None = None
    approved: Approved | None = None
    idempotency: None = None
    group: str | None = None
    id: UUID = field(default_factory=uuid7)

    @property
    def account_key(self) -> AccountKey:
        return self.user_id, self.currency


Order = Instruction | Settlement | Reversal | StatusChange


def asking(order: Order) -> frozenset[int]:
    """The users who ask for it, and agree to it."""
    people = [order.actor] if order.approved is None else [order.actor, order.approved.by]
    return frozenset(person.user_id for person in people if person.user_id is not None)


@dataclass(frozen=True, slots=True)
class Unit:
    """The orders of one caller, answered together. The orders of a unit are never parted; its key
    (a batch's) covers the answer as a whole, beside the keys of its members."""

    orders: Sequence[Order]
    idempotency: Idempotency | None = None

    @property
    def scope(self) -> str:
        return self.orders[0].actor.scope

    @property
    def request(self) -> RequestContext:
        """In which the caller asked; in none when there are no orders."""
        return self.orders[0].actor.request if self.orders else NO_REQUEST


@dataclass(frozen=True, slots=True)
class Party:
    """A user as the engine saw them under the lock."""

    id: int
    username: str
    role: str
    is_active: bool
    is_deleted: bool

    @classmethod
    def of(cls, user: User | None) -> "Party | None":
        """None for the owner of a house account."""
        if user is None:
            return None
        return cls(user.pk, user.username, user.role, user.is_active, user.deleted_at is not None)

    def can(self, capability: Capability) -> bool:
        return capability in CAPABILITIES[Role(self.role)]


@dataclass(frozen=True, slots=True)
class Posted:
    """A transaction that was written just now, with the order that did it.

    `action` is the past tense for the audit trail: completed, failed, pending, captured,
    cancelled, expired.
    """

    order: Order
    action: str
    transaction: Transaction
    source: Owner
    destination: Owner
    from_user: Party | None
    to_user: Party | None
    balance: Account  # a snapshot of the balance that the caller may see, as this left it
    error: LedgerError | None


@dataclass(frozen=True, slots=True)
class StatusChanged:
    """A balance that was frozen or unfrozen just now."""

    order: StatusChange
    before: BalanceStatus  # what counted until then
    balance: Account  # a snapshot, as this left it
    owner: str  # username


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API answers: the HTTP status and the JSON text."""

    status: int
    body: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one order.

    `transaction` is None when none was kept. `error` tells why no money moved. `posted` is what was
    written just now, if not by this order then by the one of the same batch that it replays.
    On a replay `answer` is what was kept of the first time.
    """

    transaction: Transaction | None
    error: LedgerError | None = None
    posted: Posted | None = None
    answer: Answer | None = None
    replayed: bool = False
    status_changed: StatusChanged | None = None


@dataclass(frozen=True, slots=True)
class UnitOutcome:
    """The outcomes of a unit, in order. `answer` is that of a unit with a key; on a replay, and
    when the key was used for another request (`error`), there are no outcomes. `foreseen`, of a dry
    run, is each balance involved, as it is and as it would be."""

    outcomes: list[Outcome]
    answer: Answer | None = None
    replayed: bool = False
    error: LedgerError | None = None
    foreseen: Sequence[tuple[Account, Account]] = ()


def shown_to(actor: Actor, source: Account, destination: Account) -> Account:
    """The balance that an answer may show: the caller's own; to others, who are staff, the
    payer's, or the receiver's where a house account pays."""
    if actor.user_id is not None:
        for account in (source, destination):
            if account.user_id == actor.user_id:
                return account
    return destination if isinstance(source.owner, House) else source
