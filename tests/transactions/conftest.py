"""What tests with threads share."""

import pytest


@pytest.fixture(params=["direct", "queued"])
def mode(request: pytest.FixtureRequest) -> str:
    """`direct`: each thread posts for itself, as several processes would; `queued`: through one
    poster, as the threads of one process do."""
    if request.param == "queued":
        request.getfixturevalue("queued")
    return str(request.param)
