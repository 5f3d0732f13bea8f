"""Fixtures that every test gets."""

from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from django.db import connections
from django.test import TransactionTestCase

from tests import triggers


@pytest.fixture(autouse=True, scope="session")
def flush_passes_append_only_triggers() -> Iterator[None]:
    """Let the flush after a transactional test empty the append-only tables, whose triggers
    refuse DELETE."""
    teardown = TransactionTestCase._fixture_teardown  # type: ignore[attr-defined]  # private

    def teardown_without_triggers(self: Any) -> None:
        with ExitStack() as stack:
            for alias in self._databases_names(include_mirrors=False):
                stack.enter_context(triggers.suspended(connections[alias]))
            teardown(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TransactionTestCase, "_fixture_teardown", teardown_without_triggers)
        yield
