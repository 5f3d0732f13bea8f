"""Fixtures that every test gets."""

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(autouse=True, scope="session")
def flush_passes_append_only_triggers() -> Iterator[None]:
    """Let the flush after a transactional test empty the append-only tables.

    Their triggers refuse DELETE, so they are dropped for the flush and made again after it.
    """
    from django.db import connections
    from django.test import TransactionTestCase

    from ledgerlink import triggers

    teardown = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]  # private

    def teardown_without_triggers(self: Any) -> None:
        databases = [connections[alias] for alias in self._databases_names(include_mirrors=False)]
        for connection in databases:
            triggers.drop_all(connection)
        try:
            teardown(self)
        finally:
            for connection in databases:
                triggers.create_all(connection)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown_without_triggers)
        yield
