"""Reconciliations in the back-office: to be read."""

from collections.abc import Iterator
from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from ledgerlink.admin import ReadOnlyAdmin, badge, shown_time
from ledgerlink.admin_filters import ChoiceFilter
from transactions.models import Reconciliation

HOLDS, BROKEN = "Books hold", "Books are broken"
COLOURS = {HOLDS: "success", BROKEN: "danger"}


class OutcomeFilter(ChoiceFilter):
    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("holds", HOLDS), ("broken", BROKEN)]

    def rows_of(self, value: str) -> Q:
        return Q(breaches=0) if value == "holds" else Q(breaches__gt=0)


@admin.register(Reconciliation)
class ReconciliationAdmin(ReadOnlyAdmin):
    """Made by `manage.py reconcile`."""

    list_display = ("time", "outcome", "breaches", "took", "run_by")
    list_filter = (OutcomeFilter,)
    search_fields = ("run_by",)
    search_help_text = "Login or host that ran it"
    nothing = "The books were not proved yet. Your operators have it done each night."
    time_field = "started_at"
    fieldsets = (
        (None, {"fields": ("time", "outcome", "took", "run_by")}),
        ("What was proved", {"fields": ("proofs_shown",)}),
    )

    def matching(self, term: str) -> Q:
        return Q(run_by__icontains=term)

    @admin.display(description="time (UTC)", ordering="id")
    def time(self, run: Reconciliation) -> str:
        return shown_time(run.started_at)

    @badge("outcome", COLOURS)
    def outcome(self, run: Reconciliation) -> str:
        return HOLDS if run.holds else BROKEN

    outcome.admin_order_field = "breaches"  # type: ignore[attr-defined] # of admin.display

    @admin.display(description="took", ordering="duration_ms")
    def took(self, run: Reconciliation) -> str:
        return f"{run.duration_ms / 1000:,.1f} s"

    @admin.display(description="rules of the books")
    def proofs_shown(self, run: Reconciliation) -> SafeString:
        """One line for each invariant, with the examples that were kept of what breaks it."""
        lines = format_html_join("", "<li>{}</li>", ((line,) for line in _lines(run.proofs)))
        return format_html('<ol class="ledger-proofs">{}</ol>', lines)


def _lines(proofs: list[dict[str, Any]]) -> Iterator[SafeString]:
    for proof in proofs:
        examples = format_html_join("", "<li>{}</li>", ((text,) for text in proof["examples"]))
        yield format_html(
            "{}: {} checked, {}{}",
            proof["invariant"],
            f"{proof['checked']:,}",
            "holds" if proof["holds"] else f"broken {proof['breaches']:,} times",
            format_html("<ul>{}</ul>", examples) if proof["examples"] else "",
        )
