"""What the pages of the back-office share: books that can only be read, and how they look.

Roles are the table in `users.roles`; Django's groups only carry it to the admin, so they have no
page. Neither have the API's tokens and the staff's authenticators: they are secrets.
"""

import json
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import Group
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils.functional import cached_property
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

if TYPE_CHECKING:  # unfold ships no types; its classes extend Django's
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin

Shown = TypeVar("Shown", bound=Callable[..., str])

admin.site.index_title = "Back-office"
for hidden in (Group, OutstandingToken, BlacklistedToken, TOTPDevice):
    admin.site.unregister(hidden)


class CappedPaginator(Paginator):  # type: ignore[type-arg] # generic in the stubs only
    """Counts no further than `CAP`: counting a large table would cost more than the page itself."""

    CAP = 10_000
    template_name = "admin/pagination_capped.html"

    @cached_property
    def count(self) -> int:
        return min(self._counted, self.CAP)

    @property
    def is_capped(self) -> bool:
        return self._counted > self.CAP

    @cached_property
    def _counted(self) -> int:
        rows = self.object_list
        assert isinstance(rows, QuerySet)
        return rows.order_by().values("pk")[: self.CAP + 1].count()


class _ChangeList(ChangeList):
    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        self.full_result_count = self.result_count  # the heading then shows no second figure


class SearchedAdmin(ModelAdmin):  # type: ignore[type-arg] # generic in the stubs only
    """A list with one search box. `matching` says what a term finds; the names in
    `search_fields` only make the box appear."""

    list_per_page = 50
    show_full_result_count = False
    paginator = CappedPaginator

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[ChangeList]:
        return _ChangeList

    def matching(self, term: str) -> Q:
        raise NotImplementedError

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(self.matching(term)) if term else queryset), False


class ReadOnlyAdmin(SearchedAdmin):
    """Rows that nobody changes here, superusers included."""

    actions = None

    def get_readonly_fields(
        self, request: HttpRequest, obj: Model | None = None
    ) -> tuple[str, ...]:
        return tuple(
            name for _title, part in self.fieldsets or () for name in _flat(part["fields"])
        )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        """Without the button for Django's own history, which knows only changes made here."""
        context = {"show_history": False, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)


class ChoiceFilter(admin.SimpleListFilter):
    """A filter whose choices are known without reading the listed table."""

    field: str

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        value = self.value()
        return queryset if value is None else queryset.filter(**{self.field: value})


def _flat(fields: Any) -> list[str]:
    return [
        name for line in fields for name in (line if isinstance(line, (list, tuple)) else (line,))
    ]


def badge(description: str, colours: dict[str, str]) -> Callable[[Shown], Shown]:
    """Show the text that the method returns as a label, in the colour that its value has in
    `colours` (success, info, warning, danger). The list sorts by the field called
    `description`."""

    def mark(method: Shown) -> Shown:
        shown = admin.display(method, description=description, ordering=description)
        shown.label = colours  # type: ignore[attr-defined] # what unfold looks for
        return shown

    return mark


def link(text: str, page: str, *args: object, **query: object) -> SafeString:
    """A link to the admin page called `page` ("users_user_change")."""
    address = reverse(f"admin:{page}", args=args, query=query or None)
    return format_html('<a class="ledger-link" href="{}">{}</a>', address, text)


def shown_time(at: datetime | None) -> str:
    """A UTC time to the second, as `2026-11-22 19:37:45`."""
    return "" if at is None else at.strftime("%Y-%m-%d %H:%M:%S")


def shown_json(value: object) -> SafeString:
    text = json.dumps(value, ensure_ascii=False, indent=2)
    return format_html('<pre class="ledger-json">{}</pre>', text)


def number_of(term: str) -> int | None:
    """The id that a search term is, or None; what no BIGINT holds is no id."""
    number = int(term) if term.isascii() and term.isdecimal() and len(term) < 20 else 0
    return number if 0 < number < 2**63 else None


def uuid_of(term: str) -> UUID | None:
    """The UUID that a search term is, or None."""
    try:
        return UUID(term)
    except ValueError:
        return None
