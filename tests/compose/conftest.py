"""The database and Redis of docker-compose.yml, for the tests of this folder together."""

from collections.abc import Iterator

import pytest

from tests.compose.containers import Containers, containers


@pytest.fixture(scope="session")
def running() -> Iterator[Containers]:
    with containers() as made:
        yield made
