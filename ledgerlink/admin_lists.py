"""The lists of the back-office: found and turned over as `ledgerlink.long_lists` does it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.utils import build_q_object_from_lookup_parameters
from django.contrib.admin.views.main import ORDER_VAR, PAGE_VAR, ChangeList
from django.core.exceptions import FieldError, ValidationError
from django.core.paginator import Paginator
from django.db.models import Model, Q, QuerySet, prefetch_related_objects
from django.http import HttpRequest
from django.utils.functional import cached_property
from django.utils.text import capfirst

from ledgerlink.admin_filters import Chip, Filter, PeriodFilter
from ledgerlink.long_lists import Sought, Way, all_of, read_page
from ledgerlink.pagination import Cursor, InvalidCursor


@dataclass(frozen=True, slots=True)
class Search:
    """Rows that meet `condition`. `ways`, where there are any, lead to all of them; `note` says
    what was left out."""

    condition: Q
    ways: Sequence[Way] = ()
    note: str = ""


class LongList(ChangeList):
    """In the order of the primary keys or, where few rows are left, in any order.

    Its admin is a `ledgerlink.admin.SearchedAdmin`.
    """

    model_admin: Any
    filter_specs: list[Any]
    others: dict[str, Sequence[Any]]  # lookups that no filter knows
    onward: str | None = None  # query string of the page that follows
    back: str | None = None
    names = ("Previous", "Next")  # of the pages back and onward
    reached: datetime | None = None  # when the last row is of that was looked at, of too many
    further: str | None = None  # query string of looking at those beyond
    too_many_to_sort = False
    note = ""  # about what was searched for

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = capfirst(str(self.opts.verbose_name_plural))  # not what to do with them

    def get_queryset(
        self, request: HttpRequest, exclude_parameters: list[str | None] | None = None
    ) -> QuerySet[Any]:
        """All rows; those that are shown are `sought`."""
        self.filter_specs, self.has_filters, others, *_ = self.get_filters(request)
        self.others = {name: list(values) for name, values in others.items()}  # type: ignore[arg-type] # lists
        rows: QuerySet[Any] = self.root_queryset.order_by().defer(*self.model_admin.list_unread)
        try:
            wanted = build_q_object_from_lookup_parameters({**self.others})
            rows.filter(wanted)
        except (ValueError, FieldError, ValidationError) as error:
            raise IncorrectLookupParameters(error) from error
        for spec in self.filters:
            wanted &= spec.condition
        for foreign in self.foreign_filters:
            rows = foreign.queryset(request, rows)
        ways = [spec.ways() for spec in self.filters if spec.given]
        term = self.query.strip()
        if term:
            found: Search = self.model_admin.search(term)
            wanted &= found.condition
            ways.insert(0, found.ways)
            self.note = found.note
        period = next((f for f in self.filters if isinstance(f, PeriodFilter)), None)
        bounds = (period.start, period.end) if period is not None else (None, None)
        keys = self.model_admin.keys_between(*bounds)
        self.sought = Sought(rows, wanted, ways, keys)
        self.clear_all_filters_qs = "?"
        return rows

    @property
    def filters(self) -> list[Filter]:
        return [spec for spec in self.filter_specs if isinstance(spec, Filter)]

    @property
    def problems(self) -> list[str]:
        return [spec.problem for spec in self.filters if spec.problem]

    @cached_property
    def chips(self) -> list[tuple[str, str]]:
        """What narrows the list down, in words, each with the query string of doing without."""
        chips = [chip for spec in self.filters if spec.given for chip in spec.chips()]
        chips += [_chip(name, values[-1]) for name, values in self.others.items()]
        return [(chip.text, self._without(chip.parameters)) for chip in chips]

    @property
    def narrowed(self) -> bool:
        return bool(self.query.strip() or self.chips)

    @property
    def total_shown(self) -> str:
        names = self.opts.verbose_name if self.total == 1 else self.opts.verbose_name_plural
        return f"{self.total:,} {names}"

    @property
    def first(self) -> str:
        return self.get_query_string()

    def exports(self) -> list[tuple[str, str]]:
        exports: list[tuple[str, str]] = self.model_admin.exports(self.get_query_string())
        return exports

    @property
    def foreign_filters(self) -> list[Any]:
        return [spec for spec in self.filter_specs if not isinstance(spec, Filter)]

    @property
    def kept(self) -> Iterator[tuple[str, str]]:
        """What the form has no field for, but keeps when it is sent."""
        for spec in self.filters:
            yield from spec.unseen()
        for name, values in self.others.items():
            yield name, values[-1]
        if self.params.get(ORDER_VAR):
            yield ORDER_VAR, self.params[ORDER_VAR]

    def _without(self, parameters: Sequence[str]) -> str:
        return self.get_query_string(dict.fromkeys(parameters))

    def get_results(self, request: HttpRequest) -> None:
        place = request.GET.get(PAGE_VAR, "")
        ordering = self.get_ordering(request, self.sought.rows)
        order = str(ordering[0])
        by_key = order.removeprefix("-") in {"pk", self.opts.pk.name}
        sortable = None
        if not by_key:
            sortable = all_of(self.sought)
            self.too_many_to_sort = sortable is None
        if sortable is None:
            self._walk(place, newest_first=order.startswith("-") or self.too_many_to_sort)
        else:
            self._sort(sortable.order_by(*ordering), place)
        # Joined to the list, they would tempt MariaDB to begin at them and to sort all it finds.
        prefetch_related_objects(self.result_list, *(self.model_admin.list_select_related or ()))
        self.model_admin.complete(self.result_list)
        self.multi_page = self.onward is not None or self.back is not None
        self.show_full_result_count = self.can_show_all = False
        self.show_admin_actions = True

    def _walk(self, place: str, *, newest_first: bool) -> None:
        cursor = _cursor(place, self.model)
        page = read_page(self.sought, cursor, self.list_per_page, newest_first=newest_first)
        self.names = ("Newer", "Older") if newest_first else ("Older", "Newer")
        if page.onward is not None:
            self.onward = self.get_query_string({PAGE_VAR: page.onward.encode()})
        if page.back is not None:
            self.back = self.get_query_string({PAGE_VAR: page.back.encode()})
        if page.reached is not None:
            last: QuerySet[Any] = QuerySet(self.model).filter(pk=page.reached)
            self.reached = last.values_list(self.model_admin.time_field, flat=True).first()
            self.further = self.back if cursor is not None and cursor.backwards else self.onward
        self._show(page.rows, page.total)

    def _sort(self, rows: QuerySet[Any], place: str) -> None:
        page = Paginator(rows, self.list_per_page).get_page(place)
        if page.has_next():
            self.onward = self.get_query_string({PAGE_VAR: page.next_page_number()})
        if page.has_previous():
            self.back = self.get_query_string({PAGE_VAR: page.previous_page_number()})
        self._show(list(page.object_list), page.paginator.count)

    def _show(self, rows: list[Any], total: int | None) -> None:
        self.total = total
        self.result_list = rows
        self.result_count = self.full_result_count = len(rows) if total is None else total


def _chip(name: str, value: Any) -> Chip:
    """What a lookup asks that came with a link: `held__gt=0` as “Held above 0”."""
    words = {"gte": "from", "gt": "above", "lte": "up to", "lt": "below", "exact": ""}
    said = [words.get(part, part.replace("_", " ")) for part in name.split("__")]
    return Chip(capfirst(" ".join([*filter(None, said), str(value)])), [name])


def _cursor(text: str, model: type[Model]) -> Cursor | None:
    """None as well for what is no cursor: the list then begins at its first page."""
    try:
        cursor = Cursor.decode(text) if text else None
        if cursor is not None:
            cursor.key_of(model)
    except InvalidCursor:
        return None
    return cursor
