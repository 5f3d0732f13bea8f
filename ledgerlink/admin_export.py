"""Exports of the back-office's lists: what is listed with its filters, as CSV or for Excel."""

from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import messages
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import PAGE_VAR
from django.core.exceptions import PermissionDenied
from django.db.models import prefetch_related_objects
from django.db.transaction import atomic
from django.http import HttpRequest, HttpResponseRedirect, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.text import slugify
from django.views.decorators.http import require_GET

from ledgerlink.long_lists import Sought, each_of
from ledgerlink.signals import list_exported
from ledgerlink.spreadsheets import Cell, Row, csv_table
from ledgerlink.workbooks import xlsx_table

if TYPE_CHECKING:  # unfold ships no types; its classes extend Django's
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin

# Django asks for them as `id = 1 OR id = 2 OR …`, of which SQLite takes at most a thousand.
RELATED_AT_ONCE = 500
TYPES = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True, slots=True)
class Column:
    title: str
    value: Callable[[Any], Cell]


class ExportAdmin(ModelAdmin):  # type: ignore[type-arg] # generic in the stubs only
    """Whoever may see the list may export it, if there are `export_columns`; `export_related` is
    read with the rows."""

    export_columns: ClassVar[Sequence[Column]] = ()
    export_related: ClassVar[Sequence[str]] = ()

    def complete(self, rows: list[Any]) -> None:
        """Add to rows that are about to be shown or exported what they can't tell by themselves."""

    def get_urls(self) -> list[URLPattern]:
        own = [
            path(
                f"export.{kind}",
                self.admin_site.admin_view(require_GET(self._exporting(kind))),
                name=f"{self.opts.app_label}_{self.opts.model_name}_{kind}",
            )
            for kind in TYPES
            if self.export_columns
        ]
        return [*own, *super().get_urls()]

    def exports(self, query: str) -> list[tuple[str, str]]:
        """The name and the address of each kind of file of the list with this query string."""
        names = {"csv": "CSV", "xlsx": "Excel"}
        page = f"admin:{self.opts.app_label}_{self.opts.model_name}"
        return [
            (names[kind], reverse(f"{page}_{kind}") + query)
            for kind in TYPES
            if self.export_columns
        ]

    def _exporting(self, kind: str) -> Callable[[HttpRequest], HttpResponseBase]:
        def view(request: HttpRequest) -> HttpResponseBase:
            return self._export(request, kind)

        return view

    def _export(self, request: HttpRequest, kind: str) -> HttpResponseBase:
        if not self.has_view_permission(request):
            raise PermissionDenied
        page = reverse(f"admin:{self.opts.app_label}_{self.opts.model_name}_changelist")
        try:
            listed: Any = self.get_changelist_instance(request)
        except IncorrectLookupParameters:
            return HttpResponseRedirect(page)
        if listed.problems:
            messages.warning(request, "Nothing was exported: a filter is not understood.")
            return HttpResponseRedirect(f"{page}?{request.GET.urlencode()}")
        body = self._recorded(request, kind, listed.sought)
        response = StreamingHttpResponse(body, content_type=TYPES[kind])
        plural = slugify(str(self.opts.verbose_name_plural))
        name = f"{plural}-{timezone.now():%Y-%m-%d-%H%M}.{kind}"
        response["Content-Disposition"] = f'attachment; filename="{name}"'
        return response

    def _recorded(self, request: HttpRequest, kind: str, sought: Sought) -> Iterator[bytes]:
        """The file, with a record in the audit trail before its first row and one after its last,
        or where it was broken off."""
        given = {name: text for name, text in request.GET.items() if text and name != PAGE_VAR}
        details: dict[str, Any] = {"format": kind, "filters": given}
        context = copy_context()  # of the request, which is over when the rest is written

        def send(action: str, **more: int) -> None:
            with atomic():
                context.run(
                    list_exported.send,
                    sender=self.model,
                    user=request.user,
                    name=str(self.opts.verbose_name_plural),
                    action=action,
                    details={**details, **more},
                )

        send("started")
        return self._file(kind, sought, send)

    def _with_related(self, batch: list[Any]) -> Iterator[Any]:
        for start in range(0, len(batch), RELATED_AT_ONCE):
            part = batch[start : start + RELATED_AT_ONCE]
            prefetch_related_objects(part, *self.export_related)
            self.complete(part)
            yield from part

    def _file(self, kind: str, sought: Sought, send: Callable[..., None]) -> Iterator[bytes]:
        count = 0

        def rows() -> Iterator[Row]:
            nonlocal count
            for row in chain.from_iterable(map(self._with_related, each_of(sought))):
                yield [column.value(row) for column in self.export_columns]
                count += 1

        heads = [column.title for column in self.export_columns]
        ended = "broken_off"
        try:
            if kind == "csv":
                yield from csv_table(heads, rows())
            else:
                yield from xlsx_table(str(self.opts.verbose_name_plural).title(), heads, rows())
            ended = "completed"
        finally:
            send(ended, rows=count)
