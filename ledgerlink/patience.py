"""Queries that may take longer than a request would ever wait."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection


@contextmanager
def without_read_timeout() -> Iterator[None]:
    """Inside, the database may think as long as it needs to before it answers.

    The limit is the client's and belongs to a connection (MySQL's; SQLite has none), so a new
    one is opened, before and after. Inside an open transaction nothing is changed.
    """
    limited = connection.settings_dict
    if connection.in_atomic_block or "read_timeout" not in limited["OPTIONS"]:
        yield
        return
    options = {name: value for name, value in limited["OPTIONS"].items() if name != "read_timeout"}
    connection.close()
    connection.settings_dict = {**limited, "OPTIONS": options}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = limited
