"""What the pages of the back-office share: books that can only be read, and how they look.

Roles are the table in `users.roles`; Django's groups only carry it to the admin, so they have no
page. Neither have the API's tokens and the staff's authenticators: they are secrets.
"""

import json
import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import cache, wraps
from typing import Any, ClassVar, TypeVar, cast
from uuid import UUID

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.contrib.auth.models import Group
from django.db.models import AutoField, Model, Q, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django_otp.plugins.otp_totp.models import TOTPDevice
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from ledgerlink.admin_export import ExportAdmin
from ledgerlink.admin_lists import LongList, Search
from ledgerlink.key_times import keys_by_time
from ledgerlink.pagination import EVERYWHERE, KeyRange

Shown = TypeVar("Shown", bound=Callable[..., str])

admin.site.index_title = "Back-office"
for hidden in (Group, OutstandingToken, BlacklistedToken, TOTPDevice):
    admin.site.unregister(hidden)


class SearchedAdmin(ExportAdmin):
    """A list of any length with one search box; the names in `search_fields` only make the box
    appear. `nothing` is said while there is nothing to list."""

    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    change_list_template = "admin/list/page.html"
    ordering = ("-id",)
    nothing: ClassVar[str] = "They appear here as soon as there are some."
    time_field: ClassVar[str] = "created_at"  # grows with the primary key
    list_unread: ClassVar[Sequence[str]] = ()  # fields that the list does not need

    def get_changelist(self, request: HttpRequest, **_kwargs: Any) -> type[ChangeList]:
        return LongList

    def search(self, term: str) -> Search:
        """What a term finds, and how."""
        return Search(self.matching(term))

    def matching(self, term: str) -> Q:
        """What a term finds, in a table so small that no index is needed."""
        raise NotImplementedError

    def keys_between(self, start: datetime | None, end: datetime | None) -> KeyRange:
        """Where the rows of a period are."""
        if (start is None and end is None) or not isinstance(self.opts.pk, AutoField):
            return EVERYWHERE
        rows: QuerySet[Any] = QuerySet(self.model)
        return keys_by_time(rows, self.time_field, start, end)

    def get_search_results(
        self, request: HttpRequest, queryset: QuerySet[Any], search_term: str
    ) -> tuple[QuerySet[Any], bool]:
        term = search_term.strip()
        return (queryset.filter(self.search(term).condition) if term else queryset), False


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


def _flat(fields: Any) -> list[str]:
    return [
        name for line in fields for name in (line if isinstance(line, (list, tuple)) else (line,))
    ]


def badge(description: str, colours: dict[str, str]) -> Callable[[Shown], Shown]:
    """Show the text that the method returns as a label, in the colour that its value has in
    `colours` (success, info, warning, danger). The list sorts by the field called
    `description`."""

    def mark(method: Shown) -> Shown:
        @wraps(method)
        def shown(*args: Any) -> SafeString:
            text = method(*args)
            return format_html('<span class="{}">{}</span>', _label(colours.get(text, "")), text)

        return cast("Shown", admin.display(shown, description=description, ordering=description))

    return mark


@cache
def _label(colour: str) -> str:
    """Unfold's classes of a label: to render its template in each row takes too long."""
    label = render_to_string("unfold/helpers/label.html", {"type": colour, "text": ""})
    found = re.search(r'class="([^"]*)"', label)
    assert found is not None
    return " ".join(found[1].split())


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
