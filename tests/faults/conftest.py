"""Chance that can be had again."""

from random import Random

import pytest


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> Random:
    """The same in each run with the same `--hypothesis-seed`, whatever else runs."""
    return Random(f"{request.config.getoption('hypothesis_seed')} {request.node.nodeid}")
