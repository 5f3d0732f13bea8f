"""Taking the append-only triggers away for as long as a test needs it, and putting them back."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

_SQLITE = "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"
_MYSQL = """
SELECT trigger_name, CONCAT('CREATE TRIGGER ', trigger_name, ' ', action_timing, ' ',
    event_manipulation, ' ON ', event_object_table, ' FOR EACH ROW ', action_statement)
FROM information_schema.triggers WHERE trigger_schema = DATABASE()
"""


@contextmanager
def suspended(connection: BaseDatabaseWrapper) -> Iterator[None]:
    """Every trigger of the database is gone inside, and there again after."""
    with connection.cursor() as cursor:
        cursor.execute(_MYSQL if connection.vendor == "mysql" else _SQLITE)
        triggers: list[tuple[str, str]] = cursor.fetchall()
        for name, _sql in triggers:
            cursor.execute(f"DROP TRIGGER {name}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for _name, sql in triggers:
                cursor.execute(sql)
