"""Texts found in an index: those that begin with what was typed, or are exactly what was asked."""

from django.db import connection
from django.db.models import F, Func, Q
from django.db.models.lookups import Exact

_LAST = "\U0010ffff"  # sorts after every character


def begins_with(field: str, text: str, *spellings: str) -> Q:
    """Those whose `field` begins with `text`: on MySQL in whatever case; on SQLite, whose indexes
    tell capitals apart, as it is written there or in `spellings`."""
    if connection.vendor == "mysql":
        return Q(**{f"{field}__istartswith": text})
    found = Q()
    for spelling in dict.fromkeys((text, *spellings)):
        found |= Q(**{f"{field}__gte": spelling, f"{field}__lt": spelling + _LAST})
    return found


def exactly(field: str, text: str) -> Q:
    """Those whose `field` is `text`, byte for byte on every engine. MySQL's index finds those that
    differ in case, accents or trailing spaces as well, among which the bytes then decide."""
    found = Q(**{field: text})
    if connection.vendor == "mysql":
        found &= Q(Exact(Func(F(field), template="CAST(%(expressions)s AS BINARY)"), text))
    return found
