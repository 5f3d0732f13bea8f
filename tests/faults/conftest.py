"""A real gunicorn on the engine of this run, for those tests that ask for one."""

import logging
from collections.abc import Iterator, Mapping
from random import Random

import pytest

from tests.e2e.world import assert_reconciled, close_clients, environment
from tests.servers import LedgerServer

logging.getLogger("httpx").setLevel(
    logging.WARNING
)  # else it tells of each of thousands of requests


@pytest.fixture(autouse=True)
def connections_are_not_kept() -> Iterator[None]:
    yield
    close_clients()


@pytest.fixture(scope="session")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """Books that the modules share, proved sound after the last."""
    with environment("faults", tmp_path_factory.mktemp("faults")) as made:
        yield made
        assert_reconciled(made)


@pytest.fixture(scope="session")
def server(env: Mapping[str, str]) -> Iterator[LedgerServer]:
    """The server that the modules share."""
    with LedgerServer(env) as running:
        yield running


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> Random:
    """The same in each run with the same `--hypothesis-seed`, whatever else runs."""
    return Random(f"{request.config.getoption('hypothesis_seed')} {request.node.nodeid}")
