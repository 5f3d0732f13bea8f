"""Balances as the posting engine holds them: locked rows, copied into memory, written back once.

Only `transactions.posting` locks and saves accounts (a test holds it).
"""

import json
from collections.abc import Collection, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field, fields
from datetime import datetime
from operator import attrgetter
from uuid import UUID

from django.db import connection

from balances.decimals import require_kept_decimals
from balances.enums import AccountKey, BalanceStatus, House, Owner
from balances.freezes import status_at
from balances.models import Balance
from balances.openings import Opening, open_balances
from ledgerlink.rows import select_rows


class ConcurrentUpdate(Exception):
    """A balance changed although it was locked; the batch must be posted anew."""


@dataclass(slots=True)
class Account:
    """One balance in memory. Amounts are minor units; `read_version` is what the row had."""

    id: int
    user_id: int | None
    house: str | None
    currency: str
    amount: int
    held: int
    overdraft_limit: int
    forced_overdraft: int
    version: int
    entry_count: int
    status: str
    updated_at: datetime
    frozen_until: datetime | None = None
    freeze_reason: str = ""
    read_version: int = field(default=-1)
    status_changed: bool = False

    def __post_init__(self) -> None:
        if self.read_version < 0:
            self.read_version = self.version

    @classmethod
    def of(cls, balance: Balance) -> "Account":
        """The balance as it was read."""
        return cls(*(getattr(balance, name) for name in _COLUMNS))

    @property
    def owner(self) -> Owner:
        return House(self.house) if self.house is not None else int(self.user_id or 0)

    @property
    def available(self) -> int:
        return self.amount - self.held + self.overdraft_limit

    def status_at(self, at: datetime) -> BalanceStatus:
        return status_at(self.status, self.frozen_until, at)

    def may_send(self, at: datetime) -> bool:
        return self.status_at(at) == BalanceStatus.ACTIVE

    def may_receive(self, at: datetime) -> bool:
        return self.status_at(at) in {BalanceStatus.ACTIVE, BalanceStatus.DEBITS_FROZEN}

    @property
    def changed(self) -> bool:
        return self.version != self.read_version

    def post(self, delta: int, transaction_id: UUID, at: datetime) -> "Entry":
        """Move `delta` minor units in (or out, below zero) and return the ledger entry of it."""
        before = self.amount
        self.amount += delta
        self.entry_count += 1
        self._change(at)
        return Entry(self.id, transaction_id, delta, before, self.amount, self.entry_count)

    def hold(self, amount: int, at: datetime) -> None:
        """Reserve `amount` minor units."""
        self.held += amount
        self._change(at)

    def release(self, amount: int, at: datetime) -> None:
        """Let go of `amount` minor units that were held."""
        assert amount <= self.held
        self.held -= amount
        self._change(at)

    def cover(self, amount: int) -> None:
        """Let the balance go as far below its overdraft limit as `amount` minor units take it."""
        self.forced_overdraft = max(self.forced_overdraft, amount - self.available)

    @property
    def forced_overdraft_left(self) -> int:
        """What is still needed of it: less once money has come in."""
        return min(self.forced_overdraft, max(0, -self.available))

    def change_status(
        self, status: BalanceStatus, *, until: datetime | None, reason: str, at: datetime
    ) -> None:
        """Freeze it, or unfreeze it."""
        self.status = status
        self.frozen_until = until
        self.freeze_reason = reason
        self.status_changed = True
        self._change(at)

    def _change(self, at: datetime) -> None:
        self.version += 1
        self.updated_at = at

    def snapshot(self) -> "Account":
        """As it is now. A batch takes one for each order, and `copy` takes ten times as long."""
        return Account(*_state(self))

    def restore(self, snapshot: "Account") -> None:
        for name in _CHANGEABLE:
            setattr(self, name, getattr(snapshot, name))
        self.status_changed = snapshot.status_changed


_state = attrgetter(*(each.name for each in fields(Account)))


@dataclass(frozen=True, slots=True)
class Entry:
    """A ledger entry about to be written; amounts in minor units."""

    balance_id: int
    transaction_id: UUID
    delta: int
    before: int
    after: int
    version: int


_COLUMNS = (
    "id",
    "user_id",
    "house",
    "currency",
    "amount",
    "held",
    "overdraft_limit",
    "forced_overdraft",
    "version",
    "entry_count",
    "status",
    "updated_at",
    "frozen_until",
    "freeze_reason",
)
_CHANGEABLE = (
    "amount",
    "held",
    "forced_overdraft",
    "version",
    "entry_count",
    "status",
    "updated_at",
    "frozen_until",
    "freeze_reason",
)


def lock_accounts(
    keys: set[AccountKey],
    ids: AbstractSet[int] = frozenset(),
    *,
    openings: Collection[Opening] = (),
) -> dict[AccountKey, Account]:
    """Lock the balances of `keys` and those with `ids`, in primary key order so that no two callers
    deadlock on them, after opening those of `openings` that do not exist yet: for that, users are
    locked, on whom they still can.

    A key without a balance is left out of the answer. Raises CurrencyRedefined.
    """
    found = _find(keys)
    found |= _find(open_balances(openings, there=found.keys()))
    wanted = ids | set(found.values())
    accounts = [Account(*row) for row in select_rows(Balance, _COLUMNS, "id", wanted, locked=True)]
    require_kept_decimals({account.currency for account in accounts})
    return {(account.owner, account.currency): account for account in accounts}


def _find(keys: set[AccountKey]) -> dict[AccountKey, int]:
    users = {owner for owner, _ in keys if not isinstance(owner, House)}
    houses = {owner for owner, _ in keys if isinstance(owner, House)}
    columns = ("id", "user_id", "house", "currency")
    rows = select_rows(Balance, columns, "user_id", users)
    rows += select_rows(Balance, columns, "house", houses)
    found: dict[AccountKey, int] = {}
    for pk, user_id, house, currency in rows:
        key: AccountKey = (House(house) if house is not None else int(user_id or 0), currency)
        if key in keys:
            found[key] = pk
    return found


def save_accounts(accounts: Collection[Account], at: datetime) -> None:
    """Write every changed balance with one guarded UPDATE, those that were frozen or unfrozen with
    one each. Raises ConcurrentUpdate when a row no longer has the version that was read."""
    changes = []
    for a in accounts:
        if a.status_changed:
            _save_with_status(a)
        else:
            new = a.amount, a.held, a.forced_overdraft_left, a.version, a.entry_count
            changes.append((*new, a.id, a.read_version))
    if changes:
        _save_amounts(changes, at)


def _save_with_status(account: Account) -> None:
    new = {name: getattr(account, name) for name in _CHANGEABLE}
    new["forced_overdraft"] = account.forced_overdraft_left
    written = Balance.objects.filter(pk=account.id, version=account.read_version).update(**new)
    if written != 1:
        raise ConcurrentUpdate


def _save_amounts(changes: Sequence[tuple[int, ...]], at: datetime) -> None:
    table = connection.ops.quote_name(Balance._meta.db_table)
    moment = connection.ops.adapt_datetimefield_value(at)
    with connection.cursor() as cursor:
        if connection.vendor == "mysql":
            cursor.execute(_UPDATE_MYSQL.format(table=table), [json.dumps(changes), moment])
        else:
            cursor.executemany(
                _UPDATE_EACH.format(table=table),
                [(*change[:5], moment, *change[5:]) for change in changes],
            )
        if cursor.rowcount != len(changes):
            raise ConcurrentUpdate


# One round trip for any number of rows, each found by its primary key.
_UPDATE_MYSQL = """
UPDATE {table} AS b
JOIN JSON_TABLE(%s, '$[*]' COLUMNS (
    amount BIGINT PATH '$[0]', held BIGINT PATH '$[1]', forced_overdraft BIGINT PATH '$[2]',
    version BIGINT PATH '$[3]', entry_count BIGINT PATH '$[4]',
    id BIGINT PATH '$[5]', read_version BIGINT PATH '$[6]'
)) AS c ON b.id = c.id AND b.version = c.read_version
SET b.amount = c.amount, b.held = c.held, b.forced_overdraft = c.forced_overdraft,
    b.version = c.version, b.entry_count = c.entry_count, b.updated_at = %s
"""
_UPDATE_EACH = """
UPDATE {table} SET amount = %s, held = %s, forced_overdraft = %s, version = %s,
    entry_count = %s, updated_at = %s
WHERE id = %s AND version = %s
"""
