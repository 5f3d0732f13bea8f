"""Migration operations for triggers that refuse a change, on SQLite and the MySQL family."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.operations.base import Operation
from django.db.migrations.operations.special import SeparateDatabaseAndState


class RefuseChange(Operation):
    """A BEFORE trigger on `table` that refuses each `event` (INSERT, UPDATE, DELETE) when `when`
    holds.

    `when` is a condition over OLD and NEW in the SQL that all engines share. `given` is one that is
    cheap and mostly false, looked at before: MariaDB prepares the subqueries of a condition even
    where the first half of it has decided. A later migration alters such a table inside
    `KeepingTriggers`. `tests/test_layout.py` lists each trigger.
    """

    reversible = True
    reduces_to_sql = True

    def __init__(
        self,
        name: str,
        table: str,
        event: str,
        message: str,
        *,
        given: str = "",
        when: str = "1 = 1",
    ) -> None:
        self.name = name
        self.table = table
        self.event = event
        self.message = message
        self.given = given
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
            when = f"{self.given} AND ({self.when})" if self.given else self.when
            return f"{head} FOR EACH ROW WHEN {when} BEGIN {refuse}; END"
        refuse = f"SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{message}'"
        body = f"IF {self.when} THEN {refuse}; END IF"
        if self.given:
            body = f"IF {self.given} THEN {body}; END IF"
        return f"{head} FOR EACH ROW {body}"


class KeepingTriggers(SeparateDatabaseAndState):
    """Alters `table` by `operations` without losing its triggers, as SQLite does when Django
    rebuilds a table there."""

    def __init__(self, table: str, operations: Sequence[Operation]) -> None:
        self.table = table
        self.operations = operations
        super().__init__(database_operations=operations, state_operations=operations)

    def deconstruct(self) -> tuple[str, list[Any], dict[str, Any]]:
        return type(self).__name__, [self.table, self.operations], {}

    def database_forwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: Any,
        to_state: Any,
    ) -> None:
        with self._kept(schema_editor):
            super().database_forwards(app_label, schema_editor, from_state, to_state)

    def database_backwards(
        self,
        app_label: str,
        schema_editor: BaseDatabaseSchemaEditor,
        from_state: Any,
        to_state: Any,
    ) -> None:
        with self._kept(schema_editor):
            super().database_backwards(app_label, schema_editor, from_state, to_state)

    @contextmanager
    def _kept(self, schema_editor: BaseDatabaseSchemaEditor) -> Iterator[None]:
        before = self._triggers(schema_editor)
        yield
        for name in before.keys() - self._triggers(schema_editor).keys():
            schema_editor.execute(before[name], params=None)

    def _triggers(self, schema_editor: BaseDatabaseSchemaEditor) -> dict[str, str]:
        """The statements that made the table's triggers, by name, where they can be lost."""
        if schema_editor.connection.vendor != "sqlite":
            return {}
        with schema_editor.connection.cursor() as cursor:
            cursor.execute(
                "SELECT name, sql FROM sqlite_master WHERE type = 'trigger' AND tbl_name = %s",
                [self.table],
            )
            return dict(cursor.fetchall())
