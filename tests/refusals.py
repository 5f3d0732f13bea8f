"""Which constraint or trigger of the database refused a write."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from django.apps import apps
from django.db import DatabaseError, connection
from django.db.models import Model, Q, UniqueConstraint
from django.db.models.sql import DeleteQuery
from django.db.transaction import atomic


@contextmanager
def refused_by(name: str) -> Iterator[None]:
    """The database refuses what is done inside because of the constraint or trigger `name`.

    SQLite names the columns of a unique constraint instead of itself, so these are compared then.
    """
    with pytest.raises(DatabaseError) as refusal, atomic():
        yield
    message = str(refusal.value)
    columns = _columns_of_unique(name) if connection.vendor == "sqlite" else ""
    if columns:
        assert message == f"UNIQUE constraint failed: {columns}"
    else:
        assert name in message


def _columns_of_unique(name: str) -> str:
    for model in apps.get_models():
        for constraint in model._meta.constraints:
            if isinstance(constraint, UniqueConstraint) and constraint.name == name:
                column = {field.name: field.column for field in model._meta.concrete_fields}
                table = model._meta.db_table
                return ", ".join(f"{table}.{column[field]}" for field in constraint.fields)
    return ""


def delete_row(row: Model) -> None:
    """DELETE in SQL, past what Django's collector would refuse by itself."""
    query = DeleteQuery(type(row))
    query.add_q(Q(pk=row.pk))
    query.get_compiler(connection=connection).execute_sql(None)


def constraint_names(app_label: str) -> set[str]:
    """Every CHECK and UNIQUE of the app's models."""
    models = apps.get_app_config(app_label).get_models()
    return {constraint.name for model in models for constraint in model._meta.constraints}


def trigger_names(table_prefix: str) -> set[str]:
    """Every trigger that stands in the database on the tables of an app."""
    sqlite = "SELECT name, tbl_name FROM sqlite_master WHERE type = 'trigger'"
    mysql = (
        "SELECT trigger_name, event_object_table FROM information_schema.triggers "
        "WHERE trigger_schema = DATABASE()"
    )
    with connection.cursor() as cursor:
        cursor.execute(mysql if connection.vendor == "mysql" else sqlite)
        return {name for name, table in cursor.fetchall() if table.startswith(f"{table_prefix}_")}
