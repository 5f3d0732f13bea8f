"""Migration operation for triggers that refuse a change, on SQLite and the MySQL family."""

from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation


class RefuseChange(Operation):
    """A BEFORE trigger on `table` that refuses each `event` (UPDATE, DELETE) when `when` holds.

    `when` is a condition over OLD and NEW in the SQL that all engines share. Note that SQLite
    rebuilds a table, and loses its triggers, when a later migration alters it: add the
    operation again there. `tests/test_layout.py` lists each trigger.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(
        self, name: str, table: str, event: str, message: str, when: str = "1 = 1"
    ) -> None:
        self.name = name
        self.table = table
        self.event = event
        self.message = message
        self.when = when

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [], dict(vars(self))

    def state_forwards(self, app_label: str, state: Any) -> None:
        """Triggers are not part of Django's model state."""

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: Any,
        to_state: Any,
    ) -> None:
        schema_editor.execute(self.sql(schema_editor.connection.vendor), params=None)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: Any,
        to_state: Any,
    ) -> None:
        schema_editor.execute(f"DROP TRIGGER {self.name}", params=None)

    def describe(self) -> str:
        return f"Refuse {self.event} on {self.table} ({self.name})"

    def sql(self, vendor: str) -> str:
        head = f"CREATE TRIGGER {self.name} BEFORE {self.event} ON {self.table}"
        message = f"{self.name}: {self.message}"
        if vendor == "sqlite":
            refuse = f"SELECT RAISE(ABORT, '{message}')"
            return f"{head} FOR EACH ROW WHEN {self.when} BEGIN {refuse}; END"
        refuse = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{message}'"
        return f"{head} FOR EACH ROW IF {self.when} THEN {refuse}; END IF"
