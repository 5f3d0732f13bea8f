"""The queue of requests for a second person's approval: what is asked, what would come of it now,
and the decision."""

from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import URLPattern, path, reverse
from django.utils import timezone

from ledgerlink.admin import ReadOnlyAdmin, badge, shown_time, uuid_of
from ledgerlink.admin_filters import Chip, ChoiceFilter, PeriodFilter, TextFilter
from ledgerlink.dossier import DossierAdmin
from ledgerlink.errors import LedgerError
from transactions import approvals
from transactions.admin_approval_page import PEOPLE, approval_dossier, sight_of
from transactions.admin_colours import APPROVAL_COLOURS
from transactions.admin_seen import Sight
from transactions.approval_model import Approval
from transactions.enums import ApprovalKind, ApprovalStatus
from transactions.errors import ApprovalDecided, VersionConflict
from users.actors import Actor
from users.models import User
from users.queries import user_called
from users.roles import Capability

ALL = "all"
MOST_COUNTED = 99
NEEDED = {
    "approve": Capability.APPROVE,
    "reject": Capability.APPROVE,
    "withdraw": Capability.REQUEST_APPROVAL,
}


def waiting(request: HttpRequest) -> str:
    """How many requests wait for a decision of the reader, for the sidebar; nothing when there are
    none."""
    user = request.user
    if not isinstance(user, User) or not user.can(Capability.APPROVE):
        return ""
    open_ones = Approval.objects.with_status(ApprovalStatus.REQUESTED, timezone.now())
    count = open_ones.exclude(requested_by=user).order_by()[: MOST_COUNTED + 1].count()
    return f"{MOST_COUNTED}+" if count > MOST_COUNTED else str(count or "")


class StatusFilter(ChoiceFilter):
    """Shows what waits for a decision unless something else is chosen."""

    title = "status"
    parameter_name = "status"
    default = ApprovalStatus.REQUESTED.value

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [*((s.value, str(s.label)) for s in ApprovalStatus), (ALL, "All")]

    def rows_of(self, value: str) -> Q:
        if value == ALL:
            return Q()
        return Q(pk__in=Approval.objects.with_status(value, timezone.now()))


class KindFilter(ChoiceFilter):
    title = "kind"
    parameter_name = "kind"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [(kind.value, str(kind.label)) for kind in ApprovalKind]


class RequesterFilter(TextFilter):
    """Who asked, by username, e-mail or id."""

    title = "asked for by"
    parameters = ("requested_by",)
    placeholder = "Username"

    def read(self, request: HttpRequest) -> Q:
        user, self.name = user_called(self.text), self.text
        if user is None:
            self.problem = f"There is no user called “{self.text}”."
            return Q()
        self.name = user.username
        return Q(requested_by=user.pk)

    def chips(self) -> Iterable[Chip]:
        return [Chip(f"Asked for by {self.name}", ["requested_by"])]


class AskedFilter(PeriodFilter):
    field = "requested_at"


@admin.register(Approval)
class ApprovalAdmin(DossierAdmin, ReadOnlyAdmin):
    list_display = ("time", "summary", "status_shown", "requested_by", "decided_by", "expires")
    list_display_links = ("time", "summary")
    list_filter = (StatusFilter, KindFilter, RequesterFilter, AskedFilter)
    list_select_related = ("requested_by", "decided_by")
    search_fields = ("id", "username")
    search_help_text = "Request or transaction id, username"
    nothing = "What needs a second person's approval waits here."
    time_field = "requested_at"
    dossier_template = "admin/dossier/approval.html"
    dossier_related = PEOPLE

    def matching(self, term: str) -> Q:
        uuid = uuid_of(term)
        if uuid is not None:
            return Q(pk=uuid) | Q(original=uuid) | Q(transaction=uuid)
        return Q(user__username__icontains=term) | Q(requested_by__username__icontains=term)

    @admin.display(description="time (UTC)", ordering="id")
    def time(self, approval: Approval) -> str:
        return shown_time(approval.requested_at)

    @badge("status", {str(s.label): colour for s, colour in APPROVAL_COLOURS.items()})
    def status_shown(self, approval: Approval) -> str:
        return str(approval.status_at(timezone.now()).label)

    @admin.display(description="expires (UTC)", ordering="expires_at")
    def expires(self, approval: Approval) -> str:
        return shown_time(approval.expires_at)

    def dossier(self, request: HttpRequest, subject: Approval) -> dict[str, Any]:
        return approval_dossier(request, subject)

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        return self.dossier_view(request, object_id)

    def get_urls(self) -> list[URLPattern]:
        wrap = self.admin_site.admin_view
        own = [
            path(
                f"<uuid:pk>/{what}/",
                wrap(self.decision_view),
                {"what": what},
                name=f"transactions_approval_{what}",
            )
            for what in NEEDED
        ]
        return [*own, *super().get_urls()]

    def decision_view(self, request: HttpRequest, pk: UUID, what: str) -> HttpResponse:
        """Decides, and leads back to the page of the request, which tells what became of it."""
        user = request.user
        if not isinstance(user, User) or not user.can(NEEDED[what]):
            raise PermissionDenied
        if request.method == "POST":
            comment = request.POST.get("comment", "").replace("\r\n", "\n")  # as browsers count
            try:
                self._decide(request, pk, what, comment, Actor.of(user))
            except ApprovalDecided as error:
                messages.info(request, error.detail)
            except LedgerError as error:
                messages.error(request, error.detail)
        return HttpResponseRedirect(reverse("admin:transactions_approval_change", args=[pk]))

    def _decide(self, request: HttpRequest, pk: UUID, what: str, comment: str, by: Actor) -> None:
        """Raises a LedgerError."""
        if what == "approve":
            self._approve(request, pk, comment, by)
        elif what == "reject":
            approvals.reject(approval_id=pk, by=by, comment=comment)
            messages.success(request, "Rejected: nothing was done.")
        else:
            approvals.withdraw(approval_id=pk, by=by, comment=comment)
            messages.success(request, "Withdrawn: nothing was done.")

    @staticmethod
    def _approve(request: HttpRequest, pk: UUID, comment: str, by: Actor) -> None:
        seen = Sight.unsealed(request.POST.get("seen", ""), str(pk))
        if seen is None:
            messages.warning(request, "Look at what would come of it now, then approve it.")
            return
        try:
            done = approvals.approve(
                approval_id=pk,
                by=by,
                comment=comment,
                seen=seen.versions,
                limit_version=seen.limit_version,
            )
        except VersionConflict:
            now = sight_of(Approval.objects.select_related(*PEOPLE).get(pk=pk))
            for change in seen.changes(now):
                messages.warning(request, f"{change} Look at it again: nothing was decided.")
            return
        if done.refusal is None:
            messages.success(request, "Approved, and done.")
        else:
            messages.error(request, f"Approved, but it could not be done: {done.refusal.detail}")
