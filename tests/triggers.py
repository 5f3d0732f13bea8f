"""Taking the append-only triggers away for as long as a test needs it, and putting them back."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager

from django.db.backends.base.base import BaseDatabaseWrapper

_SQLITE = "SELECT tbl_name, name, sql FROM sqlite_master WHERE type = 'trigger'"
_MYSQL = """
SELECT event_object_table, trigger_name,
    CONCAT('CREATE TRIGGER ', trigger_name, ' ', action_timing, ' ', event_manipulation, ' ON ',
    event_object_table, ' FOR EACH ROW ', action_statement)
FROM information_schema.triggers WHERE trigger_schema = DATABASE()
"""


@contextmanager
def suspended(
    connection: BaseDatabaseWrapper, tables: Collection[str] | None = None
) -> Iterator[None]:
    """Every trigger, of these tables or of all, is gone inside, and there again after."""
    with connection.cursor() as cursor:
        cursor.execute(_MYSQL if connection.vendor == "mysql" else _SQLITE)
        rows: list[tuple[str, str, str]] = cursor.fetchall()
        chosen = [(name, sql) for table, name, sql in rows if tables is None or table in tables]
        for name, _sql in chosen:
            cursor.execute(f"DROP TRIGGER {name}")
    try:
        yield
    finally:
        with connection.cursor() as cursor:
            for _name, sql in chosen:
                cursor.execute(sql)
