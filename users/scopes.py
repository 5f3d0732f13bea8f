"""The one table of what API keys may be used for: which scope each endpoint needs.

An endpoint that is not here refuses every key, whatever its scopes: keys can't register or change
users, change a password, manage keys, or be one of two people (approvals). What a key's user may
do decides as for everybody else.
"""

from rest_framework.request import Request

from users.errors import ApiKeyNotAccepted, ScopeMissing
from users.models import ShownKey, User
from users.roles import Scope

# By method and name of the route in urls.py.
SCOPES: dict[tuple[str, str], Scope] = {
    ("GET", "balance-current"): Scope.READ,
    ("GET", "balance-history"): Scope.READ,
    ("GET", "balance-statement"): Scope.READ,
    ("GET", "transaction-list"): Scope.READ,
    ("GET", "transaction-detail"): Scope.READ,
    ("POST", "transaction-transfer"): Scope.TRANSFER,
    ("POST", "transaction-deposit"): Scope.DEPOSIT,
    ("POST", "transaction-withdraw"): Scope.WITHDRAW,
    ("POST", "transaction-batch"): Scope.BATCH,
    ("POST", "transaction-capture"): Scope.CAPTURE,
    ("POST", "transaction-cancel"): Scope.CAPTURE,
    ("POST", "transaction-reverse"): Scope.REVERSE,
    ("GET", "approval-list"): Scope.READ,
    ("GET", "approval-detail"): Scope.READ,
    ("GET", "audit-list"): Scope.READ_AUDIT,
    ("GET", "audit-seals"): Scope.READ_AUDIT,
    ("GET", "user-me"): Scope.READ,
    ("GET", "user-list"): Scope.READ_USERS,
    ("GET", "user-detail"): Scope.READ_USERS,
}


def refuse_out_of_scope(request: Request, key: ShownKey) -> None:
    """Raises ApiKeyNotAccepted or ScopeMissing (403) before anything is looked up.

    Called by authentication, not as a permission class: views replace those, and a new view must
    be closed to keys until it is in the table.
    """
    method = request.method or ""
    if not hasattr(request.parser_context["view"], method.lower()):
        return  # the view refuses the method itself
    match = request.resolver_match
    name = match.url_name if match and match.url_name else ""
    needed = SCOPES.get(("GET" if method == "HEAD" else method, name))
    if needed is None:
        raise ApiKeyNotAccepted("Sign in as a person for this.")
    _require(key, needed)


def require_scope(user: User, needed: Scope) -> None:
    """For an endpoint that does several things, such as a batch: raises ScopeMissing when the
    caller shows an API key without the scope. A signed-in person needs none."""
    if user.shown_key is not None:
        _require(user.shown_key, needed)


def _require(key: ShownKey, needed: Scope) -> None:
    if needed not in key.scopes:
        raise ScopeMissing(f"This API key needs the scope `{needed}` for this.")
