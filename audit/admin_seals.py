"""Seals and verifications of the audit trail in the back-office: to be read."""

from typing import Any

from django.contrib import admin
from django.db.models import Q
from django.http import HttpRequest
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from audit.models import Seal, Verification
from ledgerlink.admin import ReadOnlyAdmin, badge, link, number_of, shown_time
from ledgerlink.admin_filters import ChoiceFilter

WHOLE, BROKEN, UNSEALED = "Trail is whole", "Trail is broken", "Nothing sealed yet"
COLOURS = {WHOLE: "success", BROKEN: "danger", UNSEALED: "warning"}


@admin.register(Seal)
class SealAdmin(ReadOnlyAdmin):
    """Made by `manage.py seal_audit`."""

    list_display = ("name", "time", "count_shown", "records", "hash_shown", "sealed_by")
    search_fields = ("number", "hash")
    search_help_text = "Number, the id of a record that it covers, or the beginning of a hash"
    ordering = ("-number",)
    nothing = "None was made yet. Your operators have one made every hour."
    time_field = "sealed_at"
    fieldsets = (
        (None, {"fields": ("number", "time", "sealed_by", "count_shown", "records")}),
        ("Hashes (SHA-256)", {"fields": ("hash", "records_hash", "previous_hash")}),
    )

    def matching(self, term: str) -> Q:
        found = Q(hash__startswith=term.lower())
        number = number_of(term)
        if number is None:
            return found
        return found | Q(number=number) | Q(first_id__lte=number, last_id__gte=number)

    @admin.display(description="seal", ordering="number")
    def name(self, seal: Seal) -> str:
        return str(seal.number)

    @admin.display(description="time (UTC)", ordering="sealed_at")
    def time(self, seal: Seal) -> str:
        return shown_time(seal.sealed_at)

    @admin.display(description="records", ordering="count")
    def count_shown(self, seal: Seal) -> str:
        return f"{seal.count:,}"

    @admin.display(description="hash")
    def hash_shown(self, seal: Seal) -> str:
        return f"{seal.hash[:16]}…"

    @admin.display(description="covers")
    def records(self, seal: Seal) -> SafeString:
        page = "audit_auditlog_change"
        ends = [link(str(pk), page, pk) for pk in dict.fromkeys((seal.first_id, seal.last_id))]
        return format_html_join(" to ", "{}", ((end,) for end in ends))


class OutcomeFilter(ChoiceFilter):
    title = "outcome"
    parameter_name = "outcome"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("whole", WHOLE), ("broken", BROKEN), ("unsealed", UNSEALED)]

    def rows_of(self, value: str) -> Q:
        if value == "broken":
            return Q(broken__gt=0)
        return Q(broken=0, seals__gt=0) if value == "whole" else Q(broken=0, seals=0)


@admin.register(Verification)
class VerificationAdmin(ReadOnlyAdmin):
    """Made by `manage.py verify_audit`."""

    list_display = ("time", "outcome", "seals_shown", "records_shown", "took", "run_by")
    list_filter = (OutcomeFilter,)
    search_fields = ("run_by",)
    search_help_text = "Login or host that ran it"
    nothing = "None was done yet. Your operators have one done each night."
    time_field = "started_at"
    fieldsets = (
        (None, {"fields": ("time", "outcome", "took", "run_by")}),
        ("What was verified", {"fields": ("seals_shown", "records_shown", "findings_shown")}),
    )

    def matching(self, term: str) -> Q:
        return Q(run_by__icontains=term)

    @admin.display(description="time (UTC)", ordering="id")
    def time(self, run: Verification) -> str:
        return shown_time(run.started_at)

    @badge("outcome", COLOURS)
    def outcome(self, run: Verification) -> str:
        if not run.holds:
            return BROKEN
        return WHOLE if run.seals else UNSEALED

    outcome.admin_order_field = "broken"  # type: ignore[attr-defined] # of admin.display

    @admin.display(description="seals", ordering="seals")
    def seals_shown(self, run: Verification) -> str:
        return f"{run.seals:,}"

    @admin.display(description="records", ordering="records")
    def records_shown(self, run: Verification) -> str:
        return f"{run.records:,}"

    @admin.display(description="took", ordering="duration_ms")
    def took(self, run: Verification) -> str:
        return f"{run.duration_ms / 1000:,.1f} s"

    @admin.display(description="findings")
    def findings_shown(self, run: Verification) -> str:
        if run.holds and not run.seals:
            return "There was no seal to compare the records with."
        if run.holds:
            return "Every seal is as its records say."
        lines = format_html_join(
            "", "<li>Seal {}: {}</li>", ((f["seal"], f["detail"]) for f in run.findings)
        )
        more = run.broken - len(run.findings)
        rest = format_html("<p>and {} more</p>", f"{more:,}") if more else ""
        return format_html('<ul class="ledger-proofs">{}</ul>{}', lines, rest)
