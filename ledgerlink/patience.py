"""Work in the database that may take longer than a request would ever wait."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

# Seconds that the server waits for the next statement; a repeated variable has its last value.
_IDLE_FOR_AN_HOUR = ", wait_timeout = 3600 /*M!100303 , idle_transaction_timeout = 3600 */"


@contextmanager
def patience() -> Iterator[None]:
    """Inside, the database may think as long as it needs to before it answers, and we may think
    for an hour between two statements of one transaction.

    The limits belong to a connection (MySQL's; SQLite has none), so a new one is opened, before
    and after. Inside an open transaction nothing is changed.
    """
    limited = connection.settings_dict
    if connection.in_atomic_block or "read_timeout" not in limited["OPTIONS"]:
        yield
        return
    options = {name: value for name, value in limited["OPTIONS"].items() if name != "read_timeout"}
    options["init_command"] += _IDLE_FOR_AN_HOUR
    connection.close()
    connection.settings_dict = {**limited, "OPTIONS": options}
    try:
        yield
    finally:
        connection.close()
        connection.settings_dict = limited
