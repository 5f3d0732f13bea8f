"""What happens to transactions. Sent inside the database transaction that posts them."""

from django.dispatch import Signal

# posted: Sequence[Posted] (transactions/instructions.py), completed and failed ones alike, at:
# datetime. A receiver that fails rolls the money back.
transactions_posted = Signal()

# changes: Sequence[StatusChanged] (transactions/instructions.py), at: datetime
statuses_changed = Signal()

# limit: TransactionLimit, actor: Actor, changes: {field: [before, after]}, amounts as text
limit_changed = Signal()
