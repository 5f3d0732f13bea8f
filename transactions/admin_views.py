"""The pages of an action: a form, a preview of what it would come to, and its confirmation.

Money moves only at the confirmation, by an order that carries the key of the form (so that a form
sent twice moves money once) and the balances as the preview showed them (so that it is refused, and
nothing is kept, where one has changed since).
"""

from typing import Any
from uuid import UUID, uuid4

from django.contrib import messages
from django.contrib.admin import AdminSite, ModelAdmin
from django.core.exceptions import PermissionDenied
from django.db.models.options import Options
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import get_object_or_404
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse

from ledgerlink.errors import LedgerError, TryAgainLater
from transactions.admin_actions import (
    CUSTOMER_ACTIONS,
    TRANSACTION_ACTIONS,
    Action,
    CustomerAction,
    TransactionAction,
    may_move_money,
)
from transactions.admin_forms import ActionForm
from transactions.admin_preview import (
    changes_since,
    lines_of,
    sealed,
    seen_of,
    told,
    unsealed,
)
from transactions.errors import IdempotencyKeyReused, OutcomeUnknown, VersionConflict
from transactions.idempotency import fingerprint_of
from transactions.instructions import Idempotency, Order, Outcome, Seen, Unit, UnitOutcome
from transactions.models import Transaction
from transactions.processor import submit, try_out
from users.actors import Actor
from users.models import User

CONFIRM, EDIT = "confirm", "edit"  # of the field `step`; anything else asks for a preview


class ActionPage:
    """Answers one request about one action."""

    def __init__(
        self, request: HttpRequest, action: Action, site: AdminSite, opts: "Options[Transaction]"
    ) -> None:
        if not may_move_money(request):
            raise PermissionDenied
        assert isinstance(request.user, User)
        self.request = request
        self.action = action
        self.by = Actor.of(request.user)
        self._context = {**site.each_context(request), "opts": opts, "action": action}

    def answer(self) -> HttpResponse:
        if self.request.method != "POST":
            initial = self.action.initial(self.request.GET.dict())
            return self._form(self.action.new_form(initial={"key": uuid4(), **initial}))
        if self.request.POST.get("step") == EDIT:
            return self._form(self.action.new_form(initial=self.request.POST.dict()))
        form = self.action.new_form(data=self.request.POST)
        if not form.is_valid():
            return self._form(form)
        try:
            return self._answer_to(form)
        except TryAgainLater as error:  # of the preview: nothing was to be moved yet
            form.add_error(None, error.detail)
            return self._form(form)

    def _answer_to(self, form: ActionForm) -> HttpResponse:
        """Raises TryAgainLater when there can be no preview."""
        confirms = self.request.POST.get("step") == CONFIRM
        seen = unsealed(self.request.POST.get("seen", "")) if confirms else None
        if seen is None:
            return self._preview(form)
        try:
            (outcome,) = submit(Unit([self._order(form, seen_of(seen))])).outcomes
        except TryAgainLater as error:
            return self._preview(form, notes=[_told_to_wait(error)])
        if isinstance(outcome.error, VersionConflict) and outcome.transaction is None:
            foreseen = try_out(Unit([self._order(form, {})]))
            return self._preview(form, notes=changes_since(seen, foreseen))
        return self._done(form, outcome)

    def _order(self, form: ActionForm, seen: Seen) -> Order:
        sent = {name: form.data.get(name, "") for name in form.fields}
        fingerprint = fingerprint_of([self.request.path, sent])
        key = Idempotency(str(form.cleaned_data["key"]), fingerprint)
        return self.action.order(form.cleaned_data, self.by, key, seen)

    def _done(self, form: ActionForm, outcome: Outcome) -> HttpResponse:
        if outcome.error is not None:
            return self._refused(form, UnitOutcome([outcome]))
        assert outcome.transaction is not None
        if outcome.replayed:
            messages.info(self.request, "This was done before: it was not done a second time.")
        else:
            amount = self.action.amount(form.cleaned_data)
            messages.success(self.request, f"{amount} {self.action.done}.")
        page = "admin:transactions_transaction_change"
        return HttpResponseRedirect(reverse(page, args=[outcome.transaction.pk]))

    def _preview(self, form: ActionForm, notes: list[str] | None = None) -> HttpResponse:
        foreseen = try_out(Unit([self._order(form, {})]))
        (outcome,) = foreseen.outcomes
        if outcome.error is not None:
            return self._refused(form, foreseen)
        if outcome.replayed:
            return self._done(form, outcome)
        return self._page(
            "admin/action_preview.html",
            form=form,
            amount=self.action.amount(form.cleaned_data),
            sentence=self.action.sentence(form.cleaned_data),
            facts=self.action.facts(form.cleaned_data),
            lines=lines_of(foreseen),
            seen=sealed(foreseen),
            notes=notes or [],
        )

    def _refused(self, form: ActionForm, foreseen: UnitOutcome) -> HttpResponse:
        """The form again, with the reason, and with a new key: the old one may be used up."""
        error = foreseen.outcomes[0].error
        reason = told(foreseen)
        if isinstance(error, IdempotencyKeyReused):
            reason = "This form was sent before, with something else in it. Check it once more."
        again = self.action.new_form(data={**self.request.POST.dict(), "key": str(uuid4())})
        again.add_error(None, reason)
        return self._form(again)

    def _form(self, form: ActionForm) -> HttpResponse:
        context = {"explanation": self.action.explanation, "button": "Preview"}
        return self._page("admin/short_form.html", form=form, **context)

    def _page(self, template: str, **context: Any) -> HttpResponse:
        shown = {**self._context, "title": self.action.title, **context}
        return TemplateResponse(self.request, template, shown)


def action_urls(model_admin: "ModelAdmin[Transaction]") -> list[URLPattern]:
    """The addresses of all actions, below those of the transactions' admin."""
    return [
        *(_of_customer(model_admin, action) for action in CUSTOMER_ACTIONS),
        *(_of_transaction(model_admin, action) for action in TRANSACTION_ACTIONS),
    ]


def _of_customer(
    model_admin: "ModelAdmin[Transaction]", action: type[CustomerAction]
) -> URLPattern:
    site = model_admin.admin_site

    def view(request: HttpRequest) -> HttpResponse:
        return ActionPage(request, action(), site, model_admin.opts).answer()

    name = f"transactions_transaction_{action.name}"
    return path(f"{action.name}/", site.admin_view(view), name=name)


def _of_transaction(
    model_admin: "ModelAdmin[Transaction]", action: type[TransactionAction]
) -> URLPattern:
    site = model_admin.admin_site

    def view(request: HttpRequest, pk: UUID) -> HttpResponse:
        parties = Transaction.objects.select_related("source__user", "destination__user")
        about = action(get_object_or_404(parties, pk=pk))
        page = ActionPage(request, about, site, model_admin.opts)
        why_not = about.unavailable()
        if request.method == "POST" or not why_not:  # it may have been this very form that did it
            return page.answer()
        messages.error(request, why_not)
        return HttpResponseRedirect(reverse("admin:transactions_transaction_change", args=[pk]))

    name = f"transactions_transaction_{action.name}"
    return path(f"<uuid:pk>/{action.name}/", site.admin_view(view), name=name)


def _told_to_wait(error: LedgerError) -> str:
    if isinstance(error, OutcomeUnknown):
        return "It can't be told just now whether this was done. Confirm it again: it is done once."
    return f"{error.detail} Confirm it again in a moment."
