"""Dossiers: one page about one thing, made up of what each app knows of it.

An app that sits higher than the page's own registers what it can show, by the name of the entity
("user", "balance", "transaction"); so a page of `users` shows balances and the audit trail without
`users` knowing them.
"""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from django.contrib.admin.utils import unquote
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse

if TYPE_CHECKING:  # unfold ships no types; its classes extend Django's
    from django.contrib.admin import ModelAdmin
else:
    from unfold.admin import ModelAdmin


@dataclass(frozen=True, slots=True)
class Panel:
    """A part of a page. `anchor` is its id there; `aside` puts it into the narrow column."""

    anchor: str
    title: str
    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    aside: bool = False


@dataclass(frozen=True, slots=True)
class Deed:
    """Something that the signed-in member of staff may do here, as a link to its form."""

    label: str
    address: str
    icon: str


class Record(Protocol):
    """A row of the audit trail."""

    pk: Any
    created_at: Any
    actor_name: Any
    action: Any
    details: Any
    request_id: Any
    trace_id: Any


PanelMaker = Callable[[HttpRequest, Any], Panel | None]
DeedMaker = Callable[[HttpRequest, Any], Sequence[Deed]]
TrailReader = Callable[[str, str, int], Sequence[Record]]

_panels: dict[str, list[tuple[int, PanelMaker]]] = defaultdict(list)
_deeds: dict[str, list[DeedMaker]] = defaultdict(list)
_trail_readers: list[TrailReader] = []

Maker = TypeVar("Maker", bound=PanelMaker)
Doer = TypeVar("Doer", bound=DeedMaker)


def panel(entity: str, place: int) -> Callable[[Maker], Maker]:
    """Show the panel that the function makes (None: nothing to show) on every dossier of `entity`;
    `place` orders the panels of all apps."""

    def register(make: Maker) -> Maker:
        _panels[entity].append((place, make))
        return make

    return register


def deeds(entity: str) -> Callable[[Doer], Doer]:
    """Offer the deeds that the function lists, to those who may do them."""

    def register(make: Doer) -> Doer:
        _deeds[entity].append(make)
        return make

    return register


def reads_trail(reader: TrailReader) -> TrailReader:
    """For the app that keeps the audit trail: `reader` answers at most so many records of an entity
    (type, id), oldest first."""
    _trail_readers.append(reader)
    return reader


def panels_of(entity: str, request: HttpRequest, subject: object) -> list[Panel]:
    made = (make(request, subject) for _, make in sorted(_panels[entity], key=lambda p: p[0]))
    return [part for part in made if part is not None]


def deeds_of(entity: str, request: HttpRequest, subject: object) -> list[Deed]:
    return [deed for make in _deeds[entity] for deed in make(request, subject)]


def trail_of(entity: str, entity_id: str, limit: int) -> list[Record]:
    return [record for read in _trail_readers for record in read(entity, entity_id, limit)]


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened, for a timeline; `colour` is success, info, warning or danger."""

    at: datetime
    title: str
    who: str = ""
    text: str = ""
    colour: str = ""


class DossierAdmin(ModelAdmin):  # type: ignore[type-arg] # generic in the stubs only
    """An admin whose page of one object is a dossier, to be read."""

    dossier_template: str
    dossier_related: Sequence[str] = ()  # read together with the object

    def dossier(self, request: HttpRequest, subject: Any) -> dict[str, Any]:
        """What the template needs beside `original`."""
        raise NotImplementedError

    def dossier_view(self, request: HttpRequest, object_id: str) -> HttpResponse:
        subject = self._subject(request, unquote(object_id))
        if not self.has_view_permission(request, subject):
            raise PermissionDenied
        if subject is None:
            redirect: HttpResponse = self._get_obj_does_not_exist_redirect(  # type: ignore[attr-defined] # as change_view
                request, self.opts, object_id
            )
            return redirect
        if request.method not in {"GET", "HEAD"}:
            raise PermissionDenied
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "original": subject,
            "title": str(subject),
            **self.dossier(request, subject),
        }
        return TemplateResponse(request, self.dossier_template, context)

    def _subject(self, request: HttpRequest, object_id: str) -> Model | None:
        found: QuerySet[Model] = self.get_queryset(request)
        if self.dossier_related:
            found = found.select_related(*self.dossier_related)
        try:
            return found.filter(pk=self.opts.pk.to_python(object_id)).first()
        except ValidationError:
            return None


class DeedsAdmin(ModelAdmin):  # type: ignore[type-arg] # generic in the stubs only
    """An admin whose page of one object offers what can be done with it."""

    deeds_entity: str
    change_form_outer_before_template = "admin/dossier/offered.html"

    def change_view(
        self,
        request: HttpRequest,
        object_id: str,
        form_url: str = "",
        extra_context: dict[str, Any] | None = None,
    ) -> HttpResponse:
        subject = self.get_object(request, unquote(object_id))
        offered = [] if subject is None else deeds_of(self.deeds_entity, request, subject)
        context = {"deeds": offered, **(extra_context or {})}
        return super().change_view(request, object_id, form_url, context)
