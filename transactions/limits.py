"""How much users may send: set by operators, judged by the posting engine under its locks."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Sum
from django.db.transaction import atomic

from balances.accounts import Account
from balances.money import format_amount
from ledgerlink.rows import select_rows
from transactions.enums import TransactionStatus, TransactionType
from transactions.errors import ApprovalRequired, VersionConflict
from transactions.instructions import Approved, Instruction, Party
from transactions.models import Transaction, TransactionLimit
from transactions.queries import KEY_MADE_WITHIN, key_at
from transactions.signals import limit_changed
from users.actors import Actor
from users.models import User
from users.roles import Role

_OUTGOING = (TransactionType.TRANSFER, TransactionType.WITHDRAWAL)
_COUNTED = (TransactionStatus.COMPLETED, TransactionStatus.PENDING)


@dataclass(slots=True)
class Allowance:
    """The limits of a paying balance and what it has `spent` today; minor units, None: no limit."""

    per_transaction: int | None
    per_day: int | None
    spent: int = 0


def is_limited(instruction: Instruction) -> bool:
    """Commands are not: they replay what has happened elsewhere."""
    return instruction.type in _OUTGOING and instruction.actor.user_id is not None


def allowances_of(
    accounts: Collection[Account], parties: Mapping[int, Party], at: datetime
) -> dict[int, Allowance]:
    """The allowance of each of these locked balances that has a limit, by its id."""
    owned = [a for a in accounts if a.user_id is not None]
    if not owned:
        return {}
    columns = ("user_id", "role", "currency", "per_transaction", "per_day")
    users = {a.user_id for a in owned}
    # Those of roles are few, and are read with the users'.
    limits = select_rows(TransactionLimit, columns, "user_id", users, or_null=True)
    by_owner = {(user or role, currency): limit for user, role, currency, *limit in limits}
    allowances = {}
    for account in owned:
        party = parties[account.user_id or 0]
        limit = by_owner.get((party.id, account.currency)) or by_owner.get(
            (party.role, account.currency)
        )
        if limit is not None:
            per_transaction, per_day = limit
            spent = 0 if per_day is None else _spent_today(account.id, at)
            allowances[account.id] = Allowance(per_transaction, per_day, spent)
    return allowances


def _spent_today(balance_id: int, at: datetime) -> int:
    """What left or is held since midnight UTC. The time-ordered keys bound the index scan: those
    of transactions that waited over midnight were made before it."""
    midnight = at.replace(hour=0, minute=0, second=0, microsecond=0)
    sent = Transaction.objects.filter(
        source_id=balance_id,
        pk__gte=key_at(midnight, -KEY_MADE_WITHIN),
        created_at__gte=midnight,
        type__in=_OUTGOING,
        status__in=_COUNTED,
    )
    return int(sent.aggregate(total=Sum("amount"))["total"] or 0)


@dataclass(frozen=True, slots=True)
class Standing:
    """The limits of a user or a role in one currency; minor units, None: no limit. Of version 0
    where none was ever set."""

    currency: str
    version: int = 0
    per_transaction: int | None = None
    per_day: int | None = None


def standing_limit(subject: User | Role, currency: str, *, locked: bool = False) -> Standing:
    """What stands now; `locked`, until the end of the database transaction."""
    limits = TransactionLimit.objects.filter(currency=currency, **_whose(subject))
    found = (limits.select_for_update() if locked else limits).first()
    return Standing(currency) if found is None else _as_it_stands(found)


def require_version(standing: Standing, expected: int | None) -> None:
    """Raises VersionConflict when a limit is not the one that was seen (None: nobody looked)."""
    if expected is not None and standing.version != expected:
        raise VersionConflict(
            f"The limit has version {standing.version}, not {expected}.",
            current_version=standing.version,
        )


def set_limit(
    *,
    subject: User | Role,
    currency: str,
    per_transaction: int | None,
    per_day: int | None,
    by: Actor,
    approved: Approved | None = None,
    expected_version: int | None = None,
) -> TransactionLimit:
    """Set or replace the limits of a user, or of all users of a role; minor units, None: none.

    Raises ApprovalRequired when a person asks and no other has approved, and VersionConflict when
    the limit no longer has the version that was seen (0: none was set).
    """
    if by.is_person and approved is None:
        raise ApprovalRequired("Ask for it; somebody else must approve it.")
    whose = _whose(subject)
    with atomic():
        TransactionLimit.objects.get_or_create(currency=currency, **whose)
        limit = TransactionLimit.objects.select_for_update().get(currency=currency, **whose)
        before = _as_it_stands(limit)
        require_version(before, expected_version)
        limit.per_transaction, limit.per_day = per_transaction, per_day
        limit.version += 1
        limit.save()
        changes = {
            name: [_text(getattr(of, name), currency) for of in (before, limit)]
            for name in ("per_transaction", "per_day")
        }
        limit_changed.send(sender=None, limit=limit, actor=by, approved=approved, changes=changes)
    return limit


def _as_it_stands(limit: TransactionLimit) -> Standing:
    return Standing(limit.currency, limit.version, limit.per_transaction, limit.per_day)


def _whose(subject: User | Role) -> dict[str, Any]:
    return {"user": subject} if isinstance(subject, User) else {"role": subject.value}


def _text(minor: int | None, currency: str) -> str | None:
    return None if minor is None else format_amount(minor, currency)
