"""The pages of an action: a form, a preview of what it would come to, and its confirmation.

Money moves only at the confirmation, by an order that carries the key of the form (so that a form
sent twice moves money once) and the balances as the preview showed them (so that it is refused, and
nothing is kept, where one has changed since). What was not previewed, word for word, is previewed
first.
"""

from collections.abc import Sequence
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
from transactions.admin_actions import Action, CustomerAction, Done, TransactionAction, page_of
from transactions.admin_deeds import CUSTOMER_ACTIONS, TRANSACTION_ACTIONS, may_move_money
from transactions.admin_forms import ActionForm
from transactions.admin_preview import lines_of, told
from transactions.admin_seen import Sight
from transactions.errors import IdempotencyKeyReused, OutcomeUnknown, VersionConflict
from transactions.idempotency import fingerprint_of
from transactions.instructions import Idempotency, UnitOutcome
from transactions.models import Transaction
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
        self._context = {**site.each_context(request), "opts": opts}

    def answer(self) -> HttpResponse:
        if self.request.method != "POST":
            initial = self.action.initial(self.request.GET.dict())
            return self._form(self.action.new_form(initial={"key": uuid4(), **initial}))
        form = self.action.new_form(data=self.request.POST)
        step = self.request.POST.get("step")
        if step == EDIT or not form.is_valid():
            return self._form(form)
        self.action = self.action.chosen(form, self.by)
        if form.errors:
            return self._form(form)
        seen = self._seen(form) if step == CONFIRM else None
        try:
            return self._preview(form) if seen is None else self._confirmed(form, seen)
        except LedgerError as error:
            return self._refused(form, error)

    def _seen(self, form: ActionForm) -> Sight | None:
        return Sight.unsealed(self.request.POST.get("seen", ""), self._key(form).fingerprint)

    def _confirmed(self, form: ActionForm, seen: Sight) -> HttpResponse:
        cleaned, key = form.cleaned_data, self._key(form)
        try:
            done = self.action.carry_out(cleaned, self.by, key, seen)
        except TryAgainLater as error:
            return self._unanswered(form, _told_to_wait(error))
        except VersionConflict:
            foreseen = self.action.foresee(cleaned, self.by, key)
            now = Sight.of(foreseen, self.action.limit(cleaned))
            return self._preview(form, notes=seen.changes(now))
        return self._done(form, done)

    def _unanswered(self, form: ActionForm, note: str) -> HttpResponse:
        """To be confirmed again, with the same key: it may have been done."""
        try:
            return self._preview(form, notes=[note])
        except TryAgainLater:
            form.add_error(None, note)
            return self._form(form)

    def _preview(self, form: ActionForm, notes: Sequence[str] = ()) -> HttpResponse:
        cleaned, key = form.cleaned_data, self._key(form)
        limit = self.action.limit(cleaned)  # before `facts`: what is sealed is no newer than shown
        foreseen = self.action.foresee(cleaned, self.by, key)
        (outcome,) = foreseen.outcomes
        if outcome.error is not None:
            if not self.action.may_wait(outcome.error):
                return self._refused(form, outcome.error, foreseen)
            now = told(outcome.error, foreseen)
            notes = [*notes, f"It would be refused if it were approved now. {now}"]
        elif outcome.replayed and outcome.transaction is not None:
            return self._done(form, Done(page_of(outcome.transaction), replayed=True))
        return self._page(
            "admin/action_preview.html",
            form=form,
            heading=self.action.heading,
            subject=self.action.subject(cleaned),
            sentence=self.action.sentence(cleaned),
            facts=self.action.facts(cleaned),
            lines=lines_of(foreseen),
            seen=Sight.of(foreseen, limit).sealed(key.fingerprint),
            notes=notes,
            button=self.action.button(cleaned),
        )

    def _key(self, form: ActionForm) -> Idempotency:
        sent = {name: str(value) for name, value in form.cleaned_data.items()}
        fingerprint = fingerprint_of([self.request.path, sent])
        return Idempotency(str(form.cleaned_data["key"]), fingerprint)

    def _done(self, form: ActionForm, done: Done) -> HttpResponse:
        if done.replayed:
            messages.info(self.request, "This was done before: it was not done a second time.")
        else:
            subject = self.action.subject(form.cleaned_data)
            messages.success(self.request, f"{subject} {self.action.done}.")
        return HttpResponseRedirect(done.address)

    def _refused(
        self, form: ActionForm, error: LedgerError, foreseen: UnitOutcome | None = None
    ) -> HttpResponse:
        """The form again, with the reason, and with a new key where the old one is used up."""
        reason = told(error, foreseen)
        if isinstance(error, TryAgainLater):
            form.add_error(None, reason)
            return self._form(form)
        if isinstance(error, IdempotencyKeyReused):
            reason = "This form was sent before, with something else in it. Check it once more."
        again = self.action.new_form(data={**self.request.POST.dict(), "key": str(uuid4())})
        again.add_error(None, reason)
        return self._form(again)

    def _form(self, form: ActionForm) -> HttpResponse:
        said = filter(None, [self.action.about(), self.action.explanation])
        context = {"explanation": " ".join(said), "button": "Preview"}
        return self._page("admin/short_form.html", form=form, **context)

    def _page(self, template: str, **context: Any) -> HttpResponse:
        back = self.action.back(self.request.GET.dict())
        shown = {**self._context, "title": self.action.title, "back": back, **context}
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
