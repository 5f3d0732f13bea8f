"""What staff fill in to move money. Amounts are read as people type them; what is wrong is told at
the field, in words."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.conf import settings
from django.core.exceptions import ValidationError

from balances.currencies import currencies
from balances.typed_amounts import read_typed_amount
from ledgerlink.admin import number_of
from ledgerlink.errors import LedgerError
from transactions.approval_model import APPROVAL_REASON_MAX_LENGTH
from transactions.models import DESCRIPTION_MAX_LENGTH, REFERENCE_MAX_LENGTH, Transaction
from users.models import User
from users.queries import existing_users, user_named

if TYPE_CHECKING:  # unfold ships no types; its classes extend Django's
    from django.forms import Select
    from django.forms import TextInput as Input
else:
    from unfold.widgets import UnfoldAdminSelectWidget as Select
    from unfold.widgets import UnfoldAdminTextInputWidget as Input


def amount_field(label: str = "Amount", **options: Any) -> forms.CharField:
    typed = Input(attrs={"inputmode": "decimal", "autocomplete": "off"})
    return forms.CharField(label=label, max_length=64, widget=typed, **options)


def reason_field(**options: Any) -> forms.CharField:
    return forms.CharField(max_length=APPROVAL_REASON_MAX_LENGTH, widget=Input, **options)


class ActionForm(forms.Form):
    """`key` is made when the form is first shown, and goes with it through the preview to the
    posting engine: a form sent twice moves money once."""

    key = forms.UUIDField(widget=forms.HiddenInput)

    def read_amount(self, field: str, currency: str, *, may_be_zero: bool = False) -> int | None:
        """The minor units of what was typed; None, with the error at the field, where it can't be
        read, or where nothing was typed."""
        typed = self.cleaned_data.get(field)
        if not typed:
            return None
        try:
            return read_typed_amount(typed, currency, may_be_zero=may_be_zero)
        except LedgerError as error:
            self.add_error(field, error.detail)
            return None


class CustomerForm(ActionForm):
    """About a balance of one user."""

    customer = forms.CharField(
        max_length=254,
        help_text="Username or e-mail address, or the number of the user, such as #12.",
        widget=Input(attrs={"autocomplete": "off"}),
    )
    currency = forms.ChoiceField(widget=Select)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        first = settings.DEFAULT_CURRENCY
        codes = [first, *sorted(code for code in currencies() if code != first)]
        field = self.fields["currency"]
        assert isinstance(field, forms.ChoiceField)
        field.choices = [(code, code) for code in codes]

    def clean_customer(self) -> User | None:
        """None where none is needed and none was typed."""
        typed = self.cleaned_data["customer"].strip()
        if not typed:
            return None
        if typed.startswith("#"):
            user = existing_users({}).filter(pk=number_of(typed[1:]) or 0).first()
        else:
            user = user_named(typed)
        if user is None:
            raise ValidationError("There is no such user, or they were deleted.")
        return user


class MovementForm(CustomerForm):
    amount = amount_field()
    description = forms.CharField(
        max_length=DESCRIPTION_MAX_LENGTH,
        required=False,
        widget=Input,
        help_text="On the customer's statement.",
    )
    reference = forms.CharField(max_length=REFERENCE_MAX_LENGTH, required=False, widget=Input)

    def clean(self) -> dict[str, Any]:
        cleaned = self.cleaned_data
        if "currency" in cleaned:
            cleaned["minor"] = self.read_amount("amount", cleaned["currency"])
        return cleaned


class DepositForm(MovementForm):
    field_order = ("customer", "amount", "currency", "description", "reference")


class WithdrawalForm(MovementForm):
    reason = reason_field(
        required=False,
        help_text="For the second person, where the amount takes one; the customer never sees it.",
    )
    field_order = ("customer", "amount", "currency", "description", "reference", "reason")


class TransactionForm(ActionForm):
    """About a transaction that is there; by itself there is nothing to fill in."""

    def __init__(self, *args: Any, subject: Transaction, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subject = subject


class CaptureForm(TransactionForm):
    """All of what is held, or a part of it."""

    amount = amount_field(help_text="What is not captured goes back to the payer.")

    def clean(self) -> dict[str, Any]:
        self.cleaned_data["minor"] = self.read_amount("amount", self.subject.currency)
        return self.cleaned_data
