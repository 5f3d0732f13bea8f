"""What staff fill in to ask a second person for something."""

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils import timezone

from balances.enums import BalanceStatus
from transactions.admin_forms import (
    CustomerForm,
    MovementForm,
    TransactionForm,
    amount_field,
    reason_field,
)
from transactions.asked import Direction
from users.roles import Role

if TYPE_CHECKING:  # unfold ships no types; its classes extend Django's
    from django.forms import CheckboxInput as Checkbox
    from django.forms import Select
    from django.forms import TextInput as Input
else:
    from unfold.widgets import UnfoldAdminSelectWidget as Select
    from unfold.widgets import UnfoldAdminTextInputWidget as Input
    from unfold.widgets import UnfoldBooleanWidget as Checkbox

FOR_APPROVER = "For the second person; the customer never sees it."


def _forced(label: str) -> forms.BooleanField:
    return forms.BooleanField(
        label=label,
        required=False,
        widget=Checkbox,
        help_text="The customer then owes what is missing: money that comes in pays it off first.",
    )


class AdjustmentForm(MovementForm):
    direction = forms.ChoiceField(
        choices=[
            ("", "Choose one"),
            (Direction.CREDIT, "Credit: to the customer"),
            (Direction.DEBIT, "Debit: from the customer"),
        ],
        widget=Select,
    )
    allow_overdraft = _forced("Debit it also where it was spent")
    reason = reason_field(help_text=FOR_APPROVER)
    field_order = (
        "customer",
        "direction",
        "amount",
        "currency",
        "allow_overdraft",
        "description",
        "reference",
        "reason",
    )

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean()
        if cleaned.get("direction") == Direction.CREDIT and cleaned.get("allow_overdraft"):
            self.add_error("allow_overdraft", "A credit takes nothing from the customer.")
        return cleaned


class ReversalForm(TransactionForm):
    amount = amount_field(help_text="All that is left of it, or a part.")
    allow_overdraft = _forced("Take it back also where it was spent")
    reason = reason_field(help_text="On the statements of both, too.")

    def clean(self) -> dict[str, Any]:
        self.cleaned_data["minor"] = self.read_amount("amount", self.subject.currency)
        return self.cleaned_data


class FreezeForm(CustomerForm):
    status = forms.ChoiceField(
        label="What",
        choices=[
            ("", "Choose one"),
            (BalanceStatus.DEBITS_FROZEN, "Freeze debits: money may come in, none may leave"),
            (BalanceStatus.FROZEN, "Freeze all: no money moves"),
            (BalanceStatus.ACTIVE, "Unfreeze"),
        ],
        widget=Select,
    )
    until = forms.DateTimeField(
        label="Until (UTC)",
        required=False,
        widget=Input(attrs={"type": "datetime-local"}),
        help_text="Empty: until somebody unfreezes it.",
    )
    reason = reason_field()
    field_order = ("customer", "currency", "status", "until", "reason")

    def clean_until(self) -> datetime | None:
        until: datetime | None = self.cleaned_data["until"]
        if until is not None and until <= timezone.now():
            raise ValidationError("This moment has passed.")
        return None if until is None else until.astimezone(UTC)

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if cleaned.get("status") == BalanceStatus.ACTIVE and cleaned.get("until"):
            self.add_error("until", "What is unfrozen has no end: leave this empty.")
        return cleaned


class LimitForm(CustomerForm):
    role = forms.ChoiceField(
        label="Or everybody in a role",
        choices=[("", "None"), *Role.choices],
        required=False,
        widget=Select,
        help_text="A user's own limit stands before the one of their role.",
    )
    per_transaction = amount_field("At once", required=False)
    per_day = amount_field("In a day (UTC)", required=False)
    reason = reason_field()
    field_order = ("customer", "role", "currency", "per_transaction", "per_day", "reason")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["customer"].required = False

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if "customer" in cleaned and (cleaned["customer"] is None) == (not cleaned.get("role")):
            self.add_error("customer", "Name a customer, or choose a role.")
        if "currency" in cleaned:
            for name in ("per_transaction", "per_day"):
                minor = self.read_amount(name, cleaned["currency"], may_be_zero=True)
                cleaned[f"minor_{name}"] = minor
        return cleaned
