"""What tests with threads share, and tests of approvals."""

import pytest

from tests.books import make_user
from users.models import User
from users.roles import Role


@pytest.fixture(params=["direct", "queued"])
def mode(request: pytest.FixtureRequest) -> str:
    """`direct`: each thread posts for itself, as several processes would; `queued`: through one
    poster, as the threads of one process do."""
    if request.param == "queued":
        request.getfixturevalue("queued")
    return str(request.param)


@pytest.fixture
def checker(db: None) -> User:
    """Who approves what the user `finance` asked for."""
    return make_user("checker", Role.FINANCE)
