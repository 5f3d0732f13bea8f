"""The tables are emptied after each test that commits."""

from collections.abc import Iterable
from contextlib import ExitStack

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Model
from django.db.transaction import atomic

from tests import triggers

# `migrate` fills these, and no test that commits changes them.
KEPT: tuple[type[Model], ...] = (ContentType, Permission, Group, Group.permissions.through)


def empty(connection: BaseDatabaseWrapper) -> None:
    """Delete all rows but those that `migrate` made, past the triggers that refuse it.

    Django's own flush takes each table, full or not, and then makes those rows anew.
    """
    kept = {model._meta.db_table for model in KEPT}
    tables = sorted(set(connection.introspection.django_table_names()) - kept)
    full = _full(connection, tables)
    with ExitStack() as stack:
        stack.enter_context(connection.constraint_checks_disabled())
        stack.enter_context(atomic(connection.alias))
        stack.enter_context(triggers.suspended(connection, full))
        cursor = stack.enter_context(connection.cursor())
        for table in full:
            cursor.execute(f"DELETE FROM {table}")  # noqa: S608 - a name of ours


def _full(connection: BaseDatabaseWrapper, tables: Iterable[str]) -> list[str]:
    """Those with a row in them."""
    asked = ", ".join(f"EXISTS (SELECT 1 FROM {table})" for table in tables)  # noqa: S608
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {asked}")
        return [table for table, full in zip(tables, cursor.fetchone(), strict=True) if full]
