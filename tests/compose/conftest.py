"""The database and Redis of docker-compose.yml, for the tests of this folder together."""

import logging
from collections.abc import Iterator

import pytest

from tests.compose.containers import Containers, containers
from tests.e2e.world import close_clients

logging.getLogger("httpx").setLevel(logging.WARNING)


@pytest.fixture(autouse=True)
def no_connection_is_kept() -> Iterator[None]:
    yield
    close_clients()


@pytest.fixture(scope="session")
def running() -> Iterator[Containers]:
    with containers() as made:
        yield made
