"""A real gunicorn on the engine of this run: MariaDB and Redis with three processes, or SQLite
with one."""

from collections.abc import Iterator, Mapping

import pytest

from tests.e2e.world import assert_reconciled, close_clients, environment
from tests.servers import LedgerServer


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """The caches of the server under test are its own; connections to it are not kept."""
    yield
    close_clients()


@pytest.fixture(scope="module")
def env(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, str]]:
    """Books for the tests of one module, proved sound after the last."""
    name = str(request.module.__name__).rpartition("test_")[2]
    with environment(f"e2e_{name}", tmp_path_factory.mktemp(name)) as made:
        yield made
        assert_reconciled(made)


@pytest.fixture(scope="module")
def server(env: Mapping[str, str]) -> Iterator[LedgerServer]:
    """One server for the tests of one module."""
    with LedgerServer(env) as running:
        yield running
