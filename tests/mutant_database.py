"""A plugin for `tests.mutants` alone: a migrated database in a blink.

mutmut runs a few tests for each of thousands of mutants, each time in a process forked from one
that has run all of them once. Migrations would take longer than the tests.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.db import connection, connections
from django.test.utils import setup_databases, teardown_databases

from ledgerlink.serializers import _reader


@pytest.fixture(scope="session")
def django_db_setup(django_test_environment: None, django_db_blocker: Any) -> Iterator[None]:
    """Instead of pytest-django's: the database that was migrated first, on SQLite a copy of it. A
    server has but one, so one mutant at a time is tested there."""
    with django_db_blocker.unblock():
        if connection.vendor == "sqlite":
            with _copy_of(_migrated_file()):
                yield
        else:
            _migrated_schema()
            yield
        connections.close_all()  # the next mutant may be forked from this process


@pytest.fixture(autouse=True)
def serializers_are_made_anew() -> None:
    """Else only the first test of each would be known to reach what makes its fields."""
    _reader.cache_clear()


@contextmanager
def _copy_of(migrated: bytes) -> Iterator[None]:
    """In a file of this process's own. A crash loses nothing that anybody needs, so nothing waits
    for the disk."""
    with tempfile.TemporaryDirectory() as directory, pytest.MonkeyPatch.context() as patch:
        database = Path(directory, "books.sqlite3")
        database.write_bytes(migrated)
        options = connection.settings_dict["OPTIONS"]
        hasty = options["init_command"].replace("synchronous=FULL", "synchronous=OFF")
        patch.setitem(options, "init_command", hasty)
        patch.setitem(connection.settings_dict, "NAME", str(database))
        yield
        connections.close_all()


@cache
def _migrated_file() -> bytes:
    before = setup_databases(verbosity=0, interactive=False, serialized_aliases=set())
    connection.close()
    migrated = Path(connection.settings_dict["NAME"]).read_bytes()
    teardown_databases(before, verbosity=0)
    return migrated


@cache
def _migrated_schema() -> None:
    setup_databases(verbosity=0, interactive=False, serialized_aliases=set())
