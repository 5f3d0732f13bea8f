"""Statements of customers, to be downloaded from their pages."""

from collections.abc import Sequence
from datetime import date
from typing import TYPE_CHECKING, Any

from django import forms
from django.core.exceptions import PermissionDenied, ValidationError
from django.http import HttpRequest, HttpResponseRedirect
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from balances.conditional import keep_private
from balances.money import exponent_of
from balances.periods import period_of
from balances.queries import balances_of
from balances.statement_files import refuse_too_long, statement_file
from balances.statements import Statement, statement_of
from ledgerlink.admin import ReadOnlyAdmin, number_of
from ledgerlink.dossier import DeedsAdmin, Panel, panel
from ledgerlink.errors import LedgerError
from users.models import User

if TYPE_CHECKING:  # unfold ships no types; its classes extend Django's
    from django.forms import Select
    from django.forms import TextInput as Input
else:
    from unfold.widgets import UnfoldAdminSelectWidget as Select
    from unfold.widgets import UnfoldAdminTextInputWidget as Input


class StatementForm(forms.Form):
    """Which statement; days are those of UTC, both included."""

    currency = forms.CharField(widget=Select)
    first = forms.DateField(label="From", widget=Input(attrs={"type": "date"}))
    last = forms.DateField(label="To", widget=Input(attrs={"type": "date"}))
    format = forms.ChoiceField(choices=[("pdf", "PDF"), ("csv", "CSV")], widget=Select)

    statement: Statement  # what is asked for, once the form is valid

    def __init__(
        self, *args: Any, owner: User, currencies: Sequence[str] = (), **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner
        offered = self.fields["currency"].widget
        assert isinstance(offered, Select)
        offered.choices = [(code, code) for code in currencies]

    def clean(self) -> dict[str, Any]:
        first, last = self.cleaned_data.get("first"), self.cleaned_data.get("last")
        if first is None or last is None or self.errors:
            raise ValidationError("Choose a balance, two days and a format for the statement.")
        if first > timezone.now().date():
            raise ValidationError("The period of the statement has not begun yet.")
        if last < first:
            raise ValidationError("The last day of the statement is before the first.")
        try:
            self.statement = self._statement(**self.cleaned_data)
        except LedgerError as error:
            raise ValidationError(error.detail) from error
        return self.cleaned_data

    def _statement(self, currency: str, first: date, last: date, format: str) -> Statement:  # noqa: A002 - as the field is called
        """Raises UnknownCurrency, InvalidPeriod or StatementTooLong."""
        exponent_of(currency)
        statement = statement_of(self.owner, currency, period_of(first, last))
        refuse_too_long(statement, format)
        return statement


@panel("user", 50)
def statement(request: HttpRequest, user: User) -> Panel | None:
    balances = list(balances_of(user.pk).values_list("currency", "version", "pk"))
    if not balances:
        return None
    currencies = [currency for currency, _, _ in balances]
    today = timezone.now().date()
    initial = {
        "currency": min(balances, key=_first_used)[0],
        "first": today.replace(day=1).isoformat(),
        "last": today.isoformat(),
    }
    refused = request.GET if "format" in request.GET else None
    shown = {
        "form": StatementForm(refused, owner=user, initial=initial, currencies=currencies),
        "send_to": reverse("admin:balances_balance_statement"),
        "user": user,
    }
    return Panel("statement", "Statement", "admin/dossier/statement.html", shown, aside=True)


def _first_used(balance: tuple[str, int, int]) -> tuple[bool, int]:
    """Orders balances: used ones first, then as they were opened."""
    _currency, version, pk = balance
    return version == 0, pk


class StatementAdmin(DeedsAdmin, ReadOnlyAdmin):
    """The part of the balances' admin that answers the form above."""

    deeds_entity = "balance"

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = path("statement/", wrap(self.statement_view), name="balances_balance_statement")
        return [own, *super().get_urls()]

    def statement_view(self, request: HttpRequest) -> HttpResponseBase:
        """The file; what is wrong with the form is told in it, on the page that it came from."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        owner = get_object_or_404(User, pk=number_of(request.GET.get("user", "")) or 0)
        form = StatementForm(request.GET, owner=owner)
        if not form.is_valid():
            kept = {name: request.GET.get(name, "") for name in form.fields}
            page = reverse("admin:users_user_change", args=[owner.pk], query=kept)
            return HttpResponseRedirect(f"{page}#statement")
        response = statement_file(form.statement, form.cleaned_data["format"])
        keep_private(response)
        return response
