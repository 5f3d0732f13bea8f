"""The one table of who may do what.

The API asks `user.can(Capability...)`; the admin asks Django's permissions, which the group of
each role receives from the same table (see `receivers.py`). An API key may do what the role of its
user may, as far as its scopes reach; which scope an endpoint needs is the table in `scopes.py`.
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
    REQUEST_APPROVAL = "request_approval"  # ask for what needs a second person
    APPROVE = "approve"  # decide on what somebody else asked for
    MANAGE_USERS = "manage_users"  # create with a role, change, deactivate and delete any user
    MANAGE_API_KEYS = "manage_api_keys"  # create, read, rotate and revoke keys for any user


class Scope(TextChoices):
    """What an API key is for. It never gives what the role of the key's user does not."""

    READ = "read"  # balances, history, statements, transactions, approvals, the user's own account
    READ_USERS = "read_users"
    READ_AUDIT = "read_audit"
    TRANSFER = "transfer"
    DEPOSIT = "deposit"
    WITHDRAW = "withdraw"
    CAPTURE = "capture"  # capture and cancel what is pending
    REVERSE = "reverse"
    BATCH = "batch"  # beside the scope of each kind of movement in the batch


_AUDITOR = frozenset(
    {Capability.READ_ALL_BOOKS, Capability.READ_USERS, Capability.READ_AUDIT},
)
_FINANCE = _AUDITOR | {
    Capability.MOVE_ANY_MONEY,
    Capability.REQUEST_APPROVAL,
    Capability.APPROVE,
}
_ADMIN = _FINANCE | {Capability.MANAGE_USERS, Capability.MANAGE_API_KEYS}

CAPABILITIES: dict[Role, frozenset[Capability]] = {
    Role.USER: frozenset(),
    Role.AUDITOR: _AUDITOR,
    Role.FINANCE: _FINANCE,
    Role.ADMIN: _ADMIN,
}

STAFF_ROLES = frozenset({Role.AUDITOR, Role.FINANCE, Role.ADMIN})

_READING = (
    "users.view_user",
    "users.view_apikey",  # whose, what for, when last used; the key itself is nowhere
    "users.view_usernote",
    "balances.view_balance",
    "balances.view_balancehistory",
    "balances.view_currency",
    "transactions.view_transaction",
    "transactions.view_transactionlimit",
    "transactions.view_approval",
    "transactions.view_reconciliation",
    "audit.view_auditlog",
    "audit.view_seal",
    "audit.view_verification",
)
_WORKING = (*_READING, "users.add_usernote")
ADMIN_PERMISSIONS: dict[Role, tuple[str, ...]] = {
    Role.USER: (),
    Role.AUDITOR: _READING,
    Role.FINANCE: _WORKING,
    Role.ADMIN: (
        *_WORKING,
        "users.add_user",
        "users.change_user",
        "users.add_apikey",
        "users.delete_apikey",  # to revoke: no key is deleted
    ),
}
