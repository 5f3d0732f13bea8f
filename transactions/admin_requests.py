"""What takes two people: adjustments, reversals, freezes, limits, and large withdrawals. One member
of staff asks for it here; what is asked stands in `transactions.approvals`."""

from collections.abc import Mapping
from typing import Any

from balances.enums import BalanceStatus
from balances.money import grouped, money
from transactions.admin_actions import (
    Asking,
    Cleaned,
    CustomerAction,
    TransactionAction,
    named,
)
from transactions.admin_forms import WithdrawalForm
from transactions.admin_request_forms import AdjustmentForm, FreezeForm, LimitForm, ReversalForm
from transactions.asked import (
    Adjustment,
    Asked,
    Direction,
    Freeze,
    LimitChange,
    ReversalAsked,
    Withdrawal,
)
from transactions.enums import TransactionStatus, TransactionType
from transactions.models import TransactionLimit
from transactions.queries import undone_of
from users.roles import Role

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


class ChangeFreeze(CustomerAction, Asking):
    name = "freeze"
    title = "Freeze or unfreeze"
    icon = "ac_unit"
    explanation = f"Stops money from leaving a balance, or from moving at all. {SECOND_PERSON}"
    form = FreezeForm

    def initial(self, query: Mapping[str, str]) -> dict[str, Any]:
        return super().initial(query) | {"status": query.get("status", "")}

    def subject(self, cleaned: Cleaned) -> str:
        return f"{cleaned['currency']} balance of {cleaned['customer'].username}"

    def sentence(self, cleaned: Cleaned) -> str:
        until = cleaned["until"]
        end = f" until {until:%Y-%m-%d %H:%M} UTC" if until else ""
        return f"{_FREEZES[cleaned['status']]}{end}"

    def facts(self, cleaned: Cleaned) -> list[tuple[str, str]]:
        return [("Customer", named(cleaned["customer"])), *super().facts(cleaned)]

    def asked(self, cleaned: Cleaned) -> Asked:
        return Freeze(
            user_id=cleaned["customer"].pk,
            currency=cleaned["currency"],
            status=BalanceStatus(cleaned["status"]),
            until=cleaned["until"],
        )


_FREEZES = {
    BalanceStatus.DEBITS_FROZEN: "No money may leave",
    BalanceStatus.FROZEN: "No money may move in or out",
    BalanceStatus.ACTIVE: "The freeze is lifted",
}


class ChangeLimit(CustomerAction, Asking):
    """Of a user, or of everybody in a role."""

    name = "limit"
    title = "Change a limit"
    icon = "speed"
    explanation = (
        "How much may be sent at once and in a day (UTC). An empty field means no limit; what is "
        f"sent here replaces both. {SECOND_PERSON}"
    )
    form = LimitForm

    def initial(self, query: Mapping[str, str]) -> dict[str, Any]:
        shown = super().initial(query) | {"role": query.get("role", "")}
        found = (
            _limit(shown["currency"], user__username=shown["customer"])
            if shown["customer"]
            else _limit(shown["currency"], role=shown["role"])
        )
        for name in ("per_transaction", "per_day"):
            minor = getattr(found, name, None)
            shown[name] = "" if minor is None else grouped(minor, shown["currency"])
        return shown

    def subject(self, cleaned: Cleaned) -> str:
        user = cleaned["customer"]
        whose = f"every {cleaned['role']}" if user is None else user.username
        return f"{cleaned['currency']} limits of {whose}"

    def sentence(self, cleaned: Cleaned) -> str:
        user = cleaned["customer"]
        return "Of everybody in this role" if user is None else f"Of {named(user)}"

    def facts(self, cleaned: Cleaned) -> list[tuple[str, str]]:
        asked = self.asked(cleaned)
        assert isinstance(asked, LimitChange)
        return [*limit_facts(asked), *super().facts(cleaned)]

    def asked(self, cleaned: Cleaned) -> Asked:
        user = cleaned["customer"]
        return LimitChange(
            currency=cleaned["currency"],
            user_id=None if user is None else user.pk,
            role=Role(cleaned["role"]) if user is None else None,
            per_transaction=cleaned["minor_per_transaction"],
            per_day=cleaned["minor_per_day"],
        )


def limit_facts(asked: LimitChange) -> list[tuple[str, str]]:
    """What stands now, and what would."""
    if asked.user_id is not None:
        now = _limit(asked.currency, user_id=asked.user_id)
    else:
        now = _limit(asked.currency, role=asked.role)
    facts = []
    for label, name in (("At once", "per_transaction"), ("In a day", "per_day")):
        before, after = getattr(now, name, None), getattr(asked, name)
        said = [
            "no limit" if minor is None else money(minor, asked.currency)
            for minor in (before, after)
        ]
        facts.append((label, f"{said[0]} now, {said[1]} after"))
    return facts


def _limit(currency: str, **whose: Any) -> TransactionLimit | None:
    return TransactionLimit.objects.filter(currency=currency, **whose).first()
