"""Movements that take two people: adjustments, reversals and large withdrawals. One member of staff
asks for it here; what is asked stands in `transactions.approvals`."""

from collections.abc import Mapping
from typing import Any

from balances.money import grouped, money
from transactions.admin_actions import (
    Asking,
    Cleaned,
    CustomerAction,
    TransactionAction,
    named,
)
from transactions.admin_forms import WithdrawalForm
from transactions.admin_request_forms import AdjustmentForm, ReversalForm
from transactions.asked import (
    Adjustment,
    Asked,
    Direction,
    ReversalAsked,
    Withdrawal,
)
from transactions.enums import TransactionStatus, TransactionType
from transactions.queries import undone_of

SECOND_PERSON = "Somebody else must approve it."


class WithdrawalRequest(CustomerAction, Asking):
    name = "withdraw"
    title = "Withdraw"
    icon = "payments"
    explanation = f"An amount like this takes two people. {SECOND_PERSON}"
    form = WithdrawalForm

    def subject(self, cleaned: Cleaned) -> str:
        return money(cleaned["minor"], cleaned["currency"])

    def sentence(self, cleaned: Cleaned) -> str:
        return f"from {named(cleaned['customer'])}. An amount like this takes two people."

    def asked(self, cleaned: Cleaned) -> Asked:
        return Withdrawal(**_movement(cleaned))


class Adjust(CustomerAction, Asking):
    name = "adjust"
    title = "Adjust"
    icon = "tune"
    explanation = (
        "Corrects a balance against the house account for adjustments, where there is no "
        f"transaction to reverse. {SECOND_PERSON}"
    )
    form = AdjustmentForm

    def subject(self, cleaned: Cleaned) -> str:
        return money(cleaned["minor"], cleaned["currency"])

    def sentence(self, cleaned: Cleaned) -> str:
        way = "to" if cleaned["direction"] == Direction.CREDIT else "from"
        forced = ", also if it was spent" if cleaned["allow_overdraft"] else ""
        return f"{way} {named(cleaned['customer'])}{forced}"

    def asked(self, cleaned: Cleaned) -> Asked:
        return Adjustment(
            **_movement(cleaned),
            direction=Direction(cleaned["direction"]),
            allow_overdraft=cleaned["allow_overdraft"],
        )


def _movement(cleaned: Cleaned) -> dict[str, Any]:
    return {
        "user_id": cleaned["customer"].pk,
        "currency": cleaned["currency"],
        "amount": cleaned["minor"],
        "description": cleaned["description"],
        "reference": cleaned["reference"],
    }


class Reverse(TransactionAction, Asking):
    name = "reverse"
    title = "Reverse"
    icon = "undo"
    explanation = (
        "Gives back what was moved, all of it or a part, as a transaction of its own. "
        f"{SECOND_PERSON}"
    )
    form = ReversalForm

    def unavailable(self) -> str:
        t = self.transaction
        if t.type == TransactionType.REVERSAL:
            return "A reversal is not reversed: make a new transaction."
        if t.status != TransactionStatus.COMPLETED:
            return f"The transaction is {t.status}: only completed ones can be reversed."
        return "" if undone_of(t) < t.amount else "All of it was given back before."

    def initial(self, query: Mapping[str, str]) -> dict[str, Any]:
        left = self.transaction.amount - undone_of(self.transaction)
        return {"amount": grouped(left, self.transaction.currency)}

    def subject(self, cleaned: Cleaned) -> str:
        return money(cleaned["minor"], self.transaction.currency)

    def sentence(self, cleaned: Cleaned) -> str:
        moved = money(self.transaction.amount, self.transaction.currency)
        forced = ", also if it was spent" if cleaned["allow_overdraft"] else ""
        return f"of the {moved} that moved {self.parties()}, given back{forced}"

    def asked(self, cleaned: Cleaned) -> Asked:
        return ReversalAsked(
            transaction_id=self.transaction.pk,
            amount=cleaned["minor"],
            allow_overdraft=cleaned["allow_overdraft"],
        )
