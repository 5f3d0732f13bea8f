"""A real gunicorn on the engine of this run: MariaDB and Redis with three processes, or SQLite
with one."""

import logging
from collections.abc import Iterator, Mapping

import pytest

from tests.e2e.world import assert_reconciled, close_clients, environment
from tests.servers import LedgerServer

logging.getLogger("httpx").setLevel(
    logging.WARNING
)  # else it tells of each of thousands of requests


@pytest.fixture(autouse=True)
def nothing_remembered() -> Iterator[None]:
    """The caches of the server under test are its own; connections to it are not kept."""
    yield
    close_clients()


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Books that the modules share, proved sound after the last."""
    with environment("e2e", tmp_path_factory.mktemp("e2e")) as made:
        yield made
        assert_reconciled(made)


@pytest.fixture(scope="session")
def server(env: Mapping[str, str]) -> Iterator[LedgerServer]:
    """The server that the modules share."""
    with LedgerServer(env) as running:
        yield running
