"""Freezes and limits: what holds money back, asked for by one member of staff and approved by
another."""

from collections.abc import Mapping
from typing import Any

from balances.enums import BalanceStatus
from balances.money import grouped
from transactions.admin_actions import Asking, Cleaned, CustomerAction, named
from transactions.admin_request_forms import FreezeForm, LimitForm
from transactions.admin_requests import SECOND_PERSON
from transactions.admin_seen import limit_text
from transactions.asked import Asked, Freeze, LimitChange
from transactions.limits import Standing, standing_limit
from users.queries import user_named
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
        subject = user_named(shown["customer"]) or _role(shown["role"])
        if subject is not None:
            now = standing_limit(subject, shown["currency"])
            shown |= {name: _typed(getattr(now, name), now.currency) for name in _AMOUNTS}
        return shown

    def subject(self, cleaned: Cleaned) -> str:
        user = cleaned["customer"]
        whose = f"every {cleaned['role']}" if user is None else user.username
        return f"{cleaned['currency']} limits of {whose}"

    def sentence(self, cleaned: Cleaned) -> str:
        user = cleaned["customer"]
        return "Of everybody in this role" if user is None else f"Of {named(user)}"

    def facts(self, cleaned: Cleaned) -> list[tuple[str, str]]:
        return [*limit_facts(self.asked(cleaned), self.limit(cleaned)), *super().facts(cleaned)]

    def limit(self, cleaned: Cleaned) -> Standing:
        subject = cleaned["customer"] or Role(cleaned["role"])
        return standing_limit(subject, cleaned["currency"])

    def asked(self, cleaned: Cleaned) -> LimitChange:
        user = cleaned["customer"]
        return LimitChange(
            currency=cleaned["currency"],
            user_id=None if user is None else user.pk,
            role=Role(cleaned["role"]) if user is None else None,
            per_transaction=cleaned["minor_per_transaction"],
            per_day=cleaned["minor_per_day"],
        )


_AMOUNTS = {"per_transaction": "At once", "per_day": "In a day"}


def limit_facts(asked: LimitChange, now: Standing) -> list[tuple[str, str]]:
    """What stands now, and what would."""
    facts = []
    for name, label in _AMOUNTS.items():
        before, after = (limit_text(getattr(of, name), asked.currency) for of in (now, asked))
        facts.append((label, f"{before} now, {after} after"))
    return facts


def _role(name: str) -> Role | None:
    return Role(name) if name in Role.values else None


def _typed(minor: int | None, currency: str) -> str:
    return "" if minor is None else grouped(minor, currency)
