"""Chance that can be had again, and transactions with another around them and without."""

from random import Random

import pytest


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> Random:
    """The same in each run with the same `--hypothesis-seed`, whatever else runs."""
    return Random(f"{request.config.getoption('hypothesis_seed')} {request.node.nodeid}")


@pytest.fixture(
    params=[
        pytest.param(None, id="in a transaction", marks=pytest.mark.django_db),
        pytest.param(None, id="by itself", marks=pytest.mark.django_db(transaction=True)),
    ]
)
def both_ways() -> None:
    """The test runs twice: inside a transaction, and with transactions that commit."""
