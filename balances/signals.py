"""What happens to balances. Sent inside the database transaction that makes the change."""

from django.dispatch import Signal

# accounts: Sequence[Account] as they stand after the change, entries: Sequence[Entry] in posting
# order, at: datetime. A receiver that fails rolls the money back.
balances_changed = Signal()

# cached: bool, whether what a user has was remembered, or read from the database. Sent outside of
# any database transaction, with `send_robust`.
balances_read = Signal()

# user_id: int, of whose balances something is held, as somebody reads what is available. Receivers
# let go of what is held too long, and return for how many transactions. Sent like `balances_read`.
holds_read = Signal()

# balance_ids: Sequence[int], of which something is held, as a list shows them. Receivers change
# nothing, and return how much of it is held too long, in minor units, by balance. Sent likewise.
holds_listed = Signal()
