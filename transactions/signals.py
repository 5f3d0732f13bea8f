"""What happens to transactions. Sent inside the database transaction that posts them."""

from django.dispatch import Signal

# posted: Sequence[Posted] (transactions/instructions.py), completed and failed ones alike, at:
# datetime. A receiver that fails rolls the money back.
transactions_posted = Signal()

# changes: Sequence[StatusChanged] (transactions/instructions.py), at: datetime
statuses_changed = Signal()

# rebuilt: Rebuilt (transactions/backfill.py), actor: Actor. A receiver that fails leaves no entry.
history_rebuilt = Signal()

# limit: TransactionLimit, actor: Actor, approved: Approved | None, changes:
# {field: [before, after]}, amounts as text
limit_changed = Signal()

# approval: Approval as it is now, actor: Actor who made it so
approval_changed = Signal()

# --- Notices of how posting goes, for whoever measures it. Sent outside of the database transaction
# with `send_robust`: a receiver that fails changes nothing. ---

# unit: Unit, which a caller now waits for
unit_submitted = Signal()

# unit: Unit, result: Result (transactions/batches.py), seconds: float since it was submitted
unit_answered = Signal()

# by: int, how many orders more (or less) wait in the queue of this process
queue_changed = Signal()

# units: Sequence[Unit] that this thread posts now: in one piece or, after failures, in several
batch_taken = Signal()

# units: as above; sent once for each `batch_taken`, by the same thread
batch_answered = Signal()

# units: Sequence[Unit] that were posted together, seconds: float that it took
batch_posted = Signal()

# reason: FailureReason, why an attempt to post a batch failed; it may be made anew
attempt_failed = Signal()
