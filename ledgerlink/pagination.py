"""Keyset pagination: page 1 and page 10,000 cost the same.

A list is read newest first from one or more indexed streams (a user's transactions are those they
sent and those they received), each limited to one page, merged in memory. The cursor is the key
of the last row shown, so rows that arrive meanwhile neither shift nor repeat a page.
"""

import base64
import binascii
import heapq
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any, Generic, TypeVar

from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Model, QuerySet, prefetch_related_objects
from rest_framework.request import Request
from rest_framework.response import Response

from ledgerlink.errors import InvalidInput

Row = TypeVar("Row", bound=Model)

DEFAULT_PAGE_SIZE = 50
MAX_PAGE_SIZE = 200
PAGE_SIZE = re.compile(r"[0-9]{1,9}")
CURSOR_HINT = "Follow the `next` and `previous` links as they are."


class InvalidCursor(InvalidInput):
    code = "invalid_cursor"
    title = "The cursor is not one of ours"


class InvalidPageSize(InvalidInput):
    code = "invalid_page_size"
    title = "The page size is out of range"


@dataclass(frozen=True, slots=True)
class Cursor:
    """`key` is the last primary key seen; `backwards` asks for the newer rows before it."""

    key: str
    backwards: bool = False

    def encode(self) -> str:
        text = ("-" if self.backwards else "+") + self.key
        return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")

    @classmethod
    def decode(cls, text: str) -> "Cursor":
        try:
            plain = base64.b64decode(text + "=" * (-len(text) % 4), b"-_", validate=True).decode()
        except (binascii.Error, ValueError) as error:
            raise InvalidCursor(CURSOR_HINT) from error
        if plain[:1] not in {"+", "-"}:
            raise InvalidCursor(CURSOR_HINT)
        return cls(key=plain[1:], backwards=plain[0] == "-")

    def key_of(self, model: type[Model]) -> Any:
        """The key as a value of the model's primary key. Raises InvalidCursor."""
        try:
            return model._meta.pk.to_python(self.key)
        except DjangoValidationError as error:
            raise InvalidCursor(CURSOR_HINT) from error


@dataclass(frozen=True, slots=True)
class KeyRange:
    """Primary keys between which all rows of a list are. A period long past is then not reached
    row by row from the newest."""

    after: Any = None
    before: Any = None


EVERYWHERE = KeyRange()


def page_size(request: Request) -> int:
    text = request.query_params.get("page_size", str(DEFAULT_PAGE_SIZE))
    if not (PAGE_SIZE.fullmatch(text) and 1 <= int(text) <= MAX_PAGE_SIZE):
        raise InvalidPageSize(f"`page_size` is a whole number from 1 to {MAX_PAGE_SIZE}.")
    return int(text)


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """Rows, newest first, and where those before and after them are, if there are any."""

    rows: Sequence[Row]
    older: Cursor | None
    newer: Cursor | None


def paginate(
    request: Request,
    streams: Sequence[QuerySet[Row]],
    represent: Callable[[Row], dict[str, Any]],
    *,
    keys: KeyRange = EVERYWHERE,
    related: Sequence[str] = (),
) -> Response:
    """The answer with one page of the union of `streams`.

    Raises InvalidCursor or InvalidPageSize (400).
    """
    page = read_page(request, streams, keys=keys, related=related)
    results = [represent(row) for row in page.rows]
    return page_response(request, results, older=page.older, newer=page.newer)


def read_page(
    request: Request,
    streams: Sequence[QuerySet[Row]],
    *,
    keys: KeyRange = EVERYWHERE,
    related: Sequence[str] = (),
) -> Page[Row]:
    """One page of the union of `streams`, newest (highest primary key) first, with the objects
    that are `related` to its rows.

    Raises InvalidCursor or InvalidPageSize (400).
    """
    cursor = cursor_of(request)
    size = page_size(request)
    rows = _read(streams, cursor, keys, size + 1)
    more = len(rows) > size
    rows = rows[:size]
    prefetch_related_objects(rows, *related)
    backwards = cursor is not None and cursor.backwards
    if backwards:
        rows.reverse()
    has_older = more if not backwards else bool(rows)
    has_newer = more if backwards else cursor is not None and bool(rows)
    return Page(
        rows,
        older=Cursor(str(rows[-1].pk)) if has_older else None,
        newer=Cursor(str(rows[0].pk), backwards=True) if has_newer else None,
    )


def cursor_of(request: Request) -> Cursor | None:
    """The `cursor` of the query string. Raises InvalidCursor."""
    text = request.query_params.get("cursor")
    return Cursor.decode(text) if text is not None else None


def page_response(
    request: Request, results: list[dict[str, Any]], *, older: Cursor | None, newer: Cursor | None
) -> Response:
    """A page in the shape that all lists have, with links that keep the filters."""
    return Response(
        {
            "next": _link(request, older) if older else None,
            "previous": _link(request, newer) if newer else None,
            "results": results,
        }
    )


def _read(
    streams: Sequence[QuerySet[Row]], cursor: Cursor | None, keys: KeyRange, limit: int
) -> list[Row]:
    backwards = cursor is not None and cursor.backwards
    order = "pk" if backwards else "-pk"
    parts = []
    for stream in streams:
        # The cursor is inside of `keys`. Of two bounds on one side SQLite might look up the wider.
        bounds = {"pk__gt": keys.after, "pk__lt": keys.before}
        if cursor is not None:
            bounds["pk__gt" if backwards else "pk__lt"] = cursor.key_of(stream.model)
        given = {lookup: key for lookup, key in bounds.items() if key is not None}
        parts.append(stream.filter(**given).order_by(order)[:limit])
    merged = heapq.merge(*parts, key=attrgetter("pk"), reverse=not backwards)
    unique: dict[Any, Row] = {}
    for row in merged:
        unique.setdefault(row.pk, row)
        if len(unique) == limit:
            break
    return list(unique.values())


def _link(request: Request, cursor: Cursor) -> str:
    query = request.query_params.copy()
    query["cursor"] = cursor.encode()
    return request.build_absolute_uri(f"{request.path}?{query.urlencode()}")
