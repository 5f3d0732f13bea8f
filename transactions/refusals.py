"""Why an order may not be carried out: rules over locked accounts. Nothing changes here."""

from datetime import datetime

from balances.accounts import Account
from balances.enums import BalanceStatus
from balances.money import MAX_BALANCE, format_amount
from ledgerlink.errors import LedgerError
from transactions import errors
from transactions.enums import TransactionStatus, TransactionType
from transactions.instructions import Instruction, StatusChange
from transactions.limits import Allowance
from transactions.models import Transaction


def refusal_of_movement(
    instruction: Instruction,
    source: Account,
    destination: Account,
    allowance: Allowance | None,
    at: datetime,
) -> errors.PostingRefused | None:
    """Why this money may not move (or be held) now, or None."""
    amount = instruction.amount
    expected = instruction.expected_version
    if expected is not None and expected != source.version:
        return version_conflict(source, expected)
    standing = refusal_of_status(source, destination, at)
    if standing is not None:
        return standing
    if allowance is not None:
        exceeded = refusal_of_limit(amount, allowance, source.currency)
        if exceeded is not None:
            return exceeded
    if source.house is None and amount > source.available and not instruction.allow_overdraft:
        return errors.InsufficientFunds(
            f"{format_amount(amount, source.currency)} {source.currency} is more than is available."
        )
    least = instruction.min_balance_after
    if least is not None and source.amount - source.held - amount < least:
        kept = format_amount(least, source.currency)
        return errors.MinimumNotKept(f"Less than {kept} {source.currency} would be left.")
    return refusal_of_size(amount, source, destination)


def version_conflict(account: Account, expected: int) -> errors.VersionConflict:
    return errors.VersionConflict(
        f"The balance has version {account.version}, not {expected}.",
        current_version=account.version,
    )


def refusal_of_limit(
    amount: int, allowance: Allowance, currency: str
) -> errors.PostingRefused | None:
    """Names the limit, and what of it is left."""
    if allowance.per_transaction is not None and amount > allowance.per_transaction:
        limit = format_amount(allowance.per_transaction, currency)
        return errors.AmountLimitExceeded(
            f"At most {limit} {currency} may be sent at once.", limit=limit
        )
    if allowance.per_day is not None and allowance.spent + amount > allowance.per_day:
        limit = format_amount(allowance.per_day, currency)
        remaining = format_amount(max(0, allowance.per_day - allowance.spent), currency)
        return errors.DailyLimitExceeded(
            f"At most {limit} {currency} may be sent in a day; {remaining} are left today (UTC).",
            limit=limit,
            remaining=remaining,
        )
    return None


def refusal_of_status(
    source: Account, destination: Account, at: datetime
) -> errors.PostingRefused | None:
    if not source.may_send(at):
        return errors.BalanceFrozen("No money may leave the paying balance.")
    if not destination.may_receive(at):
        if source.house is not None:
            return errors.BalanceFrozen("The receiving balance is frozen.")
        return errors.ReceiverUnavailable("The receiving balance takes no money at the moment.")
    return None


def refusal_of_size(
    amount: int, source: Account, destination: Account
) -> errors.PostingRefused | None:
    """What would not fit into a BIGINT, held amounts included."""
    largest = max(
        abs(source.amount - source.held - amount), source.held + amount, destination.amount + amount
    )
    if largest > MAX_BALANCE:
        return errors.BalanceLimitExceeded("A balance can't hold that much.")
    return None


def refusal_of_settlement(
    pending: Transaction,
    capture_amount: int,
    source: Account,
    destination: Account,
    at: datetime,
) -> LedgerError | None:
    """Why a pending transaction may not be captured, or cancelled (amount 0), or None."""
    if pending.status != TransactionStatus.PENDING:
        return errors.NotPending(f"The transaction is {pending.status}.")
    if capture_amount == 0:
        return None
    if pending.expires_at is not None and pending.expires_at <= at:
        return errors.PendingExpired("It expired before it was captured. The hold is released.")
    if capture_amount > pending.amount:
        held = format_amount(pending.amount, pending.currency)
        return errors.CaptureTooLarge(f"Only {held} {pending.currency} were held.")
    standing = refusal_of_status(source, destination, at)
    if standing is None and destination.amount + capture_amount > MAX_BALANCE:
        return errors.BalanceLimitExceeded("A balance can't hold that much.")
    return standing


def refusal_of_status_change(
    order: StatusChange, account: Account, at: datetime
) -> LedgerError | None:
    """Why a balance is not frozen or unfrozen, or None."""
    if order.until is not None and order.until <= at:
        return errors.FreezeOver("The freeze would be over already.")
    thaws = order.status == BalanceStatus.ACTIVE
    over = account.status_at(at) != account.status
    same = account.status == order.status and account.frozen_until == order.until
    if (order.if_over and not over) or (same and (thaws or account.freeze_reason == order.reason)):
        return errors.StatusUnchanged("The balance has this status already.")
    return None


def refusal_of_reversal(original: Transaction, amount: int, left: int) -> LedgerError | None:
    """Why this part of a transaction can't be undone, whoever has the money now, or None.
    `left` is what was not yet reversed, in minor units."""
    if original.type == TransactionType.REVERSAL:
        return errors.NotReversible("A reversal is not reversed; make a new transaction.")
    if original.status != TransactionStatus.COMPLETED:
        return errors.NotReversible(
            f"The transaction is {original.status}; only completed ones can be reversed."
        )
    if amount > left or left == 0:
        rest = format_amount(left, original.currency)
        return errors.ReversalTooLarge(
            f"{rest} {original.currency} are left of it.", remaining=rest
        )
    return None
