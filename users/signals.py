"""What happens to users. Sent inside the database transaction that makes the change."""

from django.dispatch import Signal

# users: Sequence of User, or of whatever has its pk, username and role; actor: Actor
users_created = Signal()

# user: User, actor: Actor, action: str ("updated", "deleted", "password_changed",
# "logged_in", "logged_out", "unlocked", "note_added", "recovery_code_used",
# "recovery_codes_renewed", and "second_factor_" with "enrolled", "replaced", "disabled", "reset"
# or "failed"), changes: {field: [before, after]} without secrets
user_changed = Signal()

# user: User, whose row is locked, actor: Actor, at: datetime. Sent before a user is deleted: a
# receiver gives up what the user owned, or refuses by raising a LedgerError.
user_deleting = Signal()

# identifier: str (what was typed, at most 254 characters), actor: Actor
login_failed = Signal()

# identifier: str, as above, of a name that too many sign-ins have failed under; where: str, for
# people, the address or addresses that it is locked for; actor: Actor
login_locked = Signal()

# key: ApiKey, actor: Actor, action: str ("created", "rotated", "revoked"), details: dict of what
# the trail keeps beside the key's name, prefix and user
api_key_changed = Signal()
