"""Why money did not move."""

from ledgerlink.errors import InvalidInput, LedgerError, Unavailable


class PostingRefused(LedgerError):
    """A refusal that is kept in the books as a failed transaction with this code.

    Of a capture, or of what could never be, nothing is kept but the answer to its idempotency
    key.
    """


class InsufficientFunds(PostingRefused):
    code = "insufficient_funds"
    title = "There is not enough money available"


class BalanceFrozen(PostingRefused):
    code = "balance_frozen"
    title = "The balance is frozen"


class ReceiverUnavailable(PostingRefused):
    """Why is the receiver's business, and that of staff."""

    code = "receiver_unavailable"
    title = "The receiver can't be paid at the moment"


class BalanceLimitExceeded(PostingRefused):
    code = "balance_limit_exceeded"
    title = "The balance would grow beyond what can be kept"


class VersionConflict(PostingRefused):
    code = "version_conflict"
    title = "The balance has changed since it was read"
    status = 409


class MinimumNotKept(PostingRefused):
    code = "minimum_balance_not_kept"
    title = "The paying balance would fall below the minimum that was asked for"


class AmountLimitExceeded(PostingRefused):
    code = "amount_limit_exceeded"
    title = "The amount is above the limit of one transaction"


class DailyLimitExceeded(PostingRefused):
    code = "daily_limit_exceeded"
    title = "The amount is above what may still be sent today"


class NotReversible(LedgerError):
    code = "not_reversible"
    title = "This transaction can't be reversed"


class ReversalTooLarge(LedgerError):
    code = "reversal_exceeds_original"
    title = "More can't be reversed than was moved"


class NotPending(LedgerError):
    code = "transaction_not_pending"
    title = "The transaction is no longer pending"
    status = 409


class PendingExpired(LedgerError):
    code = "transaction_expired"
    title = "The pending transaction has expired"
    status = 409


class CaptureTooLarge(LedgerError):
    code = "capture_exceeds_authorized"
    title = "More can't be captured than was held"


class StatusUnchanged(LedgerError):
    code = "status_unchanged"
    title = "The balance has this status already"
    status = 409


class FreezeOver(LedgerError):
    code = "freeze_over"
    title = "The end of the freeze is past"


class UnknownTransaction(LedgerError):
    code = "not_found"
    title = "There is no such transaction"
    status = 404


class UnknownParty(LedgerError):
    """There is nobody to move money to or from, so there is no transaction."""

    code = "user_not_found"
    title = "There is no such user"


class SelfTransfer(LedgerError):
    code = "self_transfer"
    title = "Source and destination are the same balance"


class ActorInactive(LedgerError):
    code = "user_inactive"
    title = "The user is deactivated"
    status = 403


class ApprovalRequired(LedgerError):
    """One person alone may not do this."""

    code = "approval_required"
    title = "A second person must approve this"
    status = 403


class NotAllowed(LedgerError):
    code = "permission_denied"
    title = "You may not do this"
    status = 403


class OwnRequest(LedgerError):
    code = "own_request"
    title = "Somebody else must decide on what you asked for"
    status = 403


class NotYourRequest(LedgerError):
    code = "not_your_request"
    title = "Only the one who asked may withdraw the request"
    status = 403


class ApprovalDecided(LedgerError):
    code = "approval_decided"
    title = "The request was decided before"
    status = 409


class ApprovalExpired(LedgerError):
    code = "approval_expired"
    title = "The request has expired"
    status = 409


class RequesterNotAllowed(LedgerError):
    """Their role was taken away, or they were deactivated, after they asked."""

    code = "requester_not_allowed"
    title = "The one who asked may no longer do so"
    status = 409


class ExplanationMissing(InvalidInput):
    code = "explanation_required"
    title = "Say why"


class ExplanationTooLong(InvalidInput):
    code = "explanation_too_long"
    title = "Say it shorter"


class GroupRefused(LedgerError):
    """Nothing of an all-or-nothing group was posted because another member was refused."""

    code = "group_refused"
    title = "Another instruction of the same group was refused"


class BatchRefused(LedgerError):
    """An all-or-nothing batch; `reason` is the code of the instruction at `index`."""

    code = "batch_refused"
    title = "Nothing of the batch was posted"


class RefusedBefore(LedgerError):
    """What the idempotency key was used for was refused; the answer that was kept says why."""

    code = "refused_before"
    title = "This was refused before"


class IdempotencyKeyReused(LedgerError):
    code = "idempotency_key_reused"
    title = "The idempotency key was used for another request"


class FundingNotAllowed(LedgerError):
    code = "funding_not_allowed"
    title = "You may not deposit or withdraw by yourself"
    status = 403


class QueueFull(Unavailable):
    code = "queue_full"
    title = "Too many transactions are waiting"


class PostingTimedOut(Unavailable):
    """The instruction was withdrawn before it was taken: nothing moved."""

    code = "posting_timed_out"
    title = "The transaction could not be posted in time"


class OutcomeUnknown(Unavailable):
    """The database was lost at the commit; the same idempotency key will tell."""

    code = "outcome_unknown"
    title = "The database was lost while the transaction was being posted"


_BY_CODE = {
    kind.code: kind
    for kind in (
        InsufficientFunds,
        BalanceFrozen,
        ReceiverUnavailable,
        BalanceLimitExceeded,
        VersionConflict,
        MinimumNotKept,
        AmountLimitExceeded,
        DailyLimitExceeded,
    )
}


def refusal_of(failure_code: str) -> PostingRefused | None:
    """The refusal that a stored transaction's failure code stands for; None when it has none."""
    return _BY_CODE[failure_code]() if failure_code else None
