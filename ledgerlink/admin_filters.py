"""Filters of the back-office's lists: what a row must meet, and where an index finds such rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar
from uuid import UUID

from django.contrib.admin import ListFilter
from django.db.models import Model, Q, QuerySet
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.text import capfirst

from ledgerlink.long_lists import Way

_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Chip:
    """What was chosen, in words, and the parameters of the query string that say so."""

    text: str
    parameters: Sequence[str]


class Filter(ListFilter):
    """A part of the form above a list. `problem` tells why what was typed is not understood."""

    parameters: ClassVar[Sequence[str]]
    template = ""  # of its fields; without one it is set by links alone
    fieldless: ClassVar[Sequence[str]] = ()  # those parameters that are set by links

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any
    ) -> None:
        super().__init__(request, params, model, model_admin)
        self.given: dict[str, str] = {}
        for name in self.parameters:
            text = (params.pop(name, None) or [""])[-1].strip()
            if text:
                self.given[name] = text
        self.used_parameters: dict[str, Any] = dict(self.given)
        self.problem = ""
        self.condition = self.read(request) if self.given else Q()
        if self.problem:
            self.condition = Q(pk__in=[])

    def read(self, request: HttpRequest) -> Q:
        """What a row must meet, made of what is `given`."""
        raise NotImplementedError

    def ways(self) -> Sequence[Way]:
        """What leads to all such rows; nothing when no index does."""
        return ()

    def chips(self) -> Iterable[Chip]:
        """Asked only when something is given."""
        said = " ".join(self.given.values())
        return [Chip(f"{capfirst(str(self.title))}: {said}", [*self.given])]

    def unseen(self) -> list[tuple[str, str]]:
        """What is given by links."""
        return [
            (name, text)
            for name, text in self.given.items()
            if not self.template or name in self.fieldless
        ]

    def has_output(self) -> bool:
        return True

    def expected_parameters(self) -> list[str | None]:
        return list(self.parameters)

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(self.condition)


class ChoiceFilter(Filter):
    """One of a few values, known without reading the listed table."""

    template = "admin/list/choice.html"
    parameter_name: ClassVar[str]
    field: ClassVar[str] = ""  # when it is not called like the parameter
    default: ClassVar[str] = ""  # what counts while nothing is chosen

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "parameter_name" in cls.__dict__:  # the second is what Django's own filter would ask for
            cls.parameters = (cls.parameter_name, f"{cls.parameter_name}__exact")

    def __init__(
        self, request: HttpRequest, params: dict[str, Any], model: type[Model], model_admin: Any
    ) -> None:
        self.options = list(self.lookups(request, model_admin))
        self.value = self.default
        super().__init__(request, params, model, model_admin)
        if self.default and not self.given:
            self.condition = self.rows_of(self.default)

    def lookups(self, request: HttpRequest, model_admin: Any) -> Iterable[tuple[str, str]]:
        """Each value with its name."""
        raise NotImplementedError

    def read(self, request: HttpRequest) -> Q:
        self.value = next(iter(self.given.values()))
        if self.value in dict(self.options):
            return self.rows_of(self.value)
        self.problem = f"There is no {self.title} called “{self.value}”."
        return Q()

    def rows_of(self, value: str) -> Q:
        return Q(**{self.field or self.parameter_name: value})

    def chips(self) -> Iterable[Chip]:
        name = dict(self.options).get(self.value, self.value)
        return [Chip(f"{capfirst(str(self.title))}: {name}", [*self.given])]


class TextFilter(Filter):
    """Something that is typed, such as a name."""

    template = "admin/list/text.html"
    placeholder: ClassVar[str] = ""

    @property
    def text(self) -> str:
        return self.given.get(self.parameters[0], "")


def _today() -> datetime:
    return timezone.now().replace(hour=0, minute=0, second=0, microsecond=0)


def _month(first: datetime) -> tuple[datetime, datetime]:
    return first, (first + 31 * _DAY).replace(day=1)


def _period(name: str) -> tuple[datetime, datetime] | None:
    """From when, and until before when."""
    today = _today()
    first = today.replace(day=1)
    return {
        "today": (today, today + _DAY),
        "yesterday": (today - _DAY, today),
        "7-days": (today - 6 * _DAY, today + _DAY),
        "30-days": (today - 29 * _DAY, today + _DAY),
        "this-month": _month(first),
        "last-month": _month((first - _DAY).replace(day=1)),
    }.get(name)


class PeriodFilter(Filter):
    """Days of UTC, the last included. Links may give moments as well: `created_at__gte` to
    `created_at__lt`."""

    title = "time"
    template = "admin/list/period.html"
    field: ClassVar[str] = "created_at"
    parameters: ClassVar[Sequence[str]] = (
        "period",
        "since",
        "until",
        "created_at__gte",
        "created_at__lt",
    )
    fieldless = ("created_at__gte", "created_at__lt")
    label = "Period"  # of its fields
    options = (
        ("today", "Today"),
        ("yesterday", "Yesterday"),
        ("7-days", "Last 7 days"),
        ("30-days", "Last 30 days"),
        ("this-month", "This month"),
        ("last-month", "Last month"),
    )
    start: datetime | None = None
    end: datetime | None = None

    def read(self, request: HttpRequest) -> Q:
        for name, text in self.given.items():
            bounds = self._bounds(name, text)
            if bounds is None:
                self.problem = f"“{text}” is not a day: write it as {_today():%Y-%m-%d}."
                return Q()
            start, end = bounds
            self.start = max(filter(None, (self.start, start)), default=None)
            self.end = min(filter(None, (self.end, end)), default=None)
        ends = {f"{self.field}__gte": self.start, f"{self.field}__lt": self.end}
        return Q(**{lookup: moment for lookup, moment in ends.items() if moment is not None})

    @staticmethod
    def _bounds(name: str, text: str) -> tuple[datetime | None, datetime | None] | None:
        if name == "period":
            return _period(text)
        at = read_moment(text, later=_DAY if name == "until" else timedelta(0))
        if at is None:
            return None
        return (None, at) if name in {"until", "created_at__lt"} else (at, None)

    def chips(self) -> Iterator[Chip]:
        words = {"created_at__gte": "From {}", "created_at__lt": "Before {}"}
        words |= {"since": "From {}", "until": "Until {}", "period": "{}"}
        for name, text in self.given.items():
            said = dict(self.options).get(text) or said_moment(text)
            yield Chip(words[name].format(said), [name])


def said_moment(text: str) -> str:
    """A day or moment of a link as people read it; what is none, as it is."""
    at = read_moment(text)
    if at is None:
        return text
    return f"{at:%Y-%m-%d}" if at.time() == time() else f"{at:%Y-%m-%d %H:%M} UTC"


def read_moment(text: str, later: timedelta = timedelta(0)) -> datetime | None:
    """A day, as its beginning, or a moment; without a time zone it is one of UTC."""
    try:
        at = parse_datetime(text) or parse_datetime(f"{text}T00:00")
        if at is None:
            return None
        return (at if at.tzinfo is not None else at.replace(tzinfo=UTC)).astimezone(UTC) + later
    except (ValueError, OverflowError):  # well formed, but there is no such moment
        return None


class TransactionFilter(Filter):
    """What belongs to one transaction, for links."""

    title = "transaction"
    parameters = ("transaction", "transaction__id__exact")

    def read(self, request: HttpRequest) -> Q:
        try:
            return Q(transaction=UUID(next(iter(self.given.values()))))
        except ValueError:
            self.problem = "This is not the id of a transaction."
            return Q()

    def ways(self) -> Sequence[Way]:
        return [Way(self.condition)]
