"""What one member of staff does alone: deposits, withdrawals, captures and cancellations."""

from collections.abc import Mapping
from typing import Any

from balances.enums import House
from balances.money import grouped, money
from transactions.admin_actions import (
    Action,
    Cleaned,
    CustomerAction,
    Posting,
    TransactionAction,
    named,
)
from transactions.admin_forms import (
    ActionForm,
    CaptureForm,
    DepositForm,
    TransactionForm,
    WithdrawalForm,
)
from transactions.admin_requests import WithdrawalRequest
from transactions.approval_rules import needs_approval
from transactions.enums import TransactionStatus, TransactionType
from transactions.instructions import Idempotency, Instruction, Order, Seen, Settlement
from transactions.models import Transaction
from users.actors import Actor


class Deposit(CustomerAction, Posting):
    name = "deposit"
    title = "Deposit"
    verb = "Deposit"
    done = "deposited"
    icon = "add_card"
    explanation = "Money that came in from outside, such as a bank transfer, goes to the customer."
    form = DepositForm

    def subject(self, cleaned: Cleaned) -> str:
        return money(cleaned["minor"], cleaned["currency"])

    def sentence(self, cleaned: Cleaned) -> str:
        return f"to {named(cleaned['customer'])}"

    def order(self, cleaned: Cleaned, by: Actor, key: Idempotency, seen: Seen | None) -> Order:
        return _movement(TransactionType.DEPOSIT, cleaned, by, key, seen)


class Withdraw(CustomerAction, Posting):
    name = "withdraw"
    title = "Withdraw"
    verb = "Withdraw"
    done = "withdrawn"
    icon = "payments"
    explanation = "Money of the customer leaves for the world outside, such as their bank."
    form = WithdrawalForm

    def chosen(self, form: ActionForm, by: Actor) -> Action:
        """Above some amount a second person must approve it."""
        cleaned = form.cleaned_data
        order = _movement(TransactionType.WITHDRAWAL, cleaned, by, None, None)
        if not needs_approval(order):
            return self
        if not cleaned["reason"]:
            form.add_error("reason", "Somebody else must approve this amount: tell them why.")
        return WithdrawalRequest()

    def subject(self, cleaned: Cleaned) -> str:
        return money(cleaned["minor"], cleaned["currency"])

    def sentence(self, cleaned: Cleaned) -> str:
        return f"from {named(cleaned['customer'])}"

    def facts(self, cleaned: Cleaned) -> list[tuple[str, str]]:
        """Without the reason, which is for a second person."""
        return [fact for fact in super().facts(cleaned) if fact[0] != "Reason"]

    def order(self, cleaned: Cleaned, by: Actor, key: Idempotency, seen: Seen | None) -> Order:
        return _movement(TransactionType.WITHDRAWAL, cleaned, by, key, seen)


def _movement(
    kind: TransactionType,
    cleaned: Cleaned,
    by: Actor,
    key: Idempotency | None,
    seen: Seen | None,
) -> Instruction:
    customer = cleaned["customer"].pk
    comes_in = kind == TransactionType.DEPOSIT
    return Instruction(
        type=kind,
        source=House.EXTERNAL if comes_in else customer,
        destination=customer if comes_in else House.EXTERNAL,
        amount=cleaned["minor"],
        currency=cleaned["currency"],
        description=cleaned["description"],
        reference=cleaned["reference"],
        actor=by,
        idempotency=key,
        seen=seen,
    )


class _Settle(TransactionAction, Posting):
    def unavailable(self) -> str:
        if self.transaction.status == TransactionStatus.PENDING:
            return ""
        return f"The transaction is {self.transaction.status}: it is no longer pending."


class Capture(_Settle):
    name = "capture"
    title = "Capture"
    verb = "Capture"
    done = "captured"
    icon = "task_alt"
    explanation = "The money that is held moves: all of it, or a part, and the rest is released."
    form = CaptureForm

    def initial(self, query: Mapping[str, str]) -> dict[str, Any]:
        return {"amount": grouped(self.transaction.amount, self.transaction.currency)}

    def subject(self, cleaned: Cleaned) -> str:
        return money(cleaned["minor"], self.transaction.currency)

    def sentence(self, cleaned: Cleaned) -> str:
        held = money(self.transaction.amount, self.transaction.currency)
        return f"of the {held} that are held, {self.parties()}"

    def order(self, cleaned: Cleaned, by: Actor, key: Idempotency, seen: Seen | None) -> Order:
        return _settlement(self.transaction, cleaned["minor"], by, key, seen)


class Cancel(_Settle):
    name = "cancel"
    title = "Cancel"
    verb = "Release"
    done = "released"
    icon = "cancel"
    explanation = "No money moves: what is held goes back to the payer's available balance."
    form = TransactionForm

    def initial(self, query: Mapping[str, str]) -> dict[str, Any]:
        return {}

    def subject(self, cleaned: Cleaned) -> str:
        return money(self.transaction.amount, self.transaction.currency)

    def sentence(self, cleaned: Cleaned) -> str:
        return f"held {self.parties()} are released"

    def order(self, cleaned: Cleaned, by: Actor, key: Idempotency, seen: Seen | None) -> Order:
        return _settlement(self.transaction, 0, by, key, seen)


def _settlement(
    pending: Transaction, minor: int, by: Actor, key: Idempotency, seen: Seen | None
) -> Settlement:
    return Settlement(
        transaction_id=pending.pk,
        capture_amount=minor,
        actor=by,
        balances=pending.balance_ids,
        idempotency=key,
        seen=seen,
    )
