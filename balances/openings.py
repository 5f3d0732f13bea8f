"""Opening balances: only for what may come to something, since no balance is ever deleted."""

from collections.abc import Collection
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from django.db.models.constants import OnConflict
from django.utils import timezone

from balances.enums import AccountKey, BalanceStatus, House
from balances.models import Balance
from ledgerlink.rows import insert_rows
from users.models import User


@dataclass(frozen=True, slots=True)
class Opening:
    """Balances that may be opened, all or none: not while one of their users is unknown or deleted,
    or one of the users `asking` for it is inactive."""

    keys: frozenset[AccountKey]
    asking: frozenset[int]

    def may_be(self, alive: dict[int, bool]) -> bool:
        """`alive` are users who are not deleted, and whether they are active."""
        return _users_of(self.keys) <= alive.keys() and all(alive.get(pk) for pk in self.asking)


def open_balances(
    openings: Collection[Opening], *, there: AbstractSet[AccountKey]
) -> set[AccountKey]:
    """Make the empty balances that are not `there` and may be opened; which they are.

    The rows of their users are locked first, as their deletion does: a user can't be deleted while
    a first balance is being opened for them.
    """
    wanted = [opening for opening in openings if not opening.keys <= there]
    if not wanted:
        return set()
    keys = {key for opening in wanted for key in opening.keys}
    missing = keys - there
    asking = {pk for opening in wanted for pk in opening.asking}
    alive = _alive(lock=_users_of(missing), read=_users_of(keys) | asking)
    opened = {key for opening in wanted if opening.may_be(alive) for key in opening.keys} & missing
    _insert(opened)
    return opened


def _users_of(keys: Collection[AccountKey]) -> set[int]:
    return {owner for owner, _ in keys if not isinstance(owner, House)}


def _alive(*, lock: set[int], read: set[int]) -> dict[int, bool]:
    """Those of the users who are not deleted, and whether they are active."""
    people = User.objects.filter(deleted_at__isnull=True).order_by("pk")
    locked = people.select_for_update().filter(pk__in=lock).values_list("pk", "is_active")
    return dict(locked) | dict(people.filter(pk__in=read - lock).values_list("pk", "is_active"))


def _insert(keys: Collection[AccountKey]) -> None:
    now = timezone.now()
    zeros = ("amount", "held", "overdraft_limit", "forced_overdraft", "version", "entry_count")
    blank: dict[str, object] = dict.fromkeys(zeros, 0)
    blank |= {
        "status": BalanceStatus.ACTIVE,
        "freeze_reason": "",
        "created_at": now,
        "updated_at": now,
    }
    insert_rows(
        Balance,
        ("house", "user_id", "currency", *blank),
        [
            (owner, None, currency, *blank.values())
            if isinstance(owner, House)
            else (None, owner, currency, *blank.values())
            for owner, currency in keys
        ],
        on_conflict=OnConflict.IGNORE,
    )
