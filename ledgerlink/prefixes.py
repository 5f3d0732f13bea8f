"""Texts that begin with what was typed, found in an index."""

from django.db import connection
from django.db.models import Q

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
