"""Freezes and limits: what holds money back, asked for by one member of staff and approved by
another."""

from collections.abc import Mapping
from typing import Any

from balances.enums import BalanceStatus
from balances.money import grouped, money
from transactions.admin_actions import Asking, Cleaned, CustomerAction, named
from transactions.admin_request_forms import FreezeForm, LimitForm
from transactions.admin_requests import SECOND_PERSON
from transactions.asked import Asked, Freeze, LimitChange
from transactions.models import TransactionLimit
from users.roles import Role


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
