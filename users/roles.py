"""The one table of who may do what.

The API asks `user.can(Capability...)`; the admin asks Django's permissions, which the group of
each role receives from the same table (see `receivers.py`).
"""

from enum import StrEnum

from django.db.models import TextChoices


class Role(TextChoices):
    USER = "user"
    AUDITOR = "auditor"
    FINANCE = "finance"
    ADMIN = "admin"


class Capability(StrEnum):
    READ_ALL_BOOKS = "read_all_books"  # every user's balances, history and transactions
    READ_USERS = "read_users"
    READ_AUDIT = "read_audit"
    MOVE_ANY_MONEY = "move_any_money"  # deposit, withdraw and transfer for any user
    MANAGE_USERS = "manage_users"  # create with a role, change, deactivate and delete any user


_AUDITOR = frozenset(
    {Capability.READ_ALL_BOOKS, Capability.READ_USERS, Capability.READ_AUDIT},
)
_FINANCE = _AUDITOR | {Capability.MOVE_ANY_MONEY}
_ADMIN = _FINANCE | {Capability.MANAGE_USERS}

CAPABILITIES: dict[Role, frozenset[Capability]] = {
    Role.USER: frozenset(),
    Role.AUDITOR: _AUDITOR,
    Role.FINANCE: _FINANCE,
    Role.ADMIN: _ADMIN,
}

STAFF_ROLES = frozenset({Role.AUDITOR, Role.FINANCE, Role.ADMIN})

_READING = (
    "users.view_user",
    "balances.view_balance",
    "balances.view_balancehistory",
    "transactions.view_transaction",
    "transactions.view_transactionlimit",
    "audit.view_auditlog",
)
ADMIN_PERMISSIONS: dict[Role, tuple[str, ...]] = {
    Role.USER: (),
    Role.AUDITOR: _READING,
    Role.FINANCE: _READING,
    Role.ADMIN: (*_READING, "users.add_user", "users.change_user"),
}
