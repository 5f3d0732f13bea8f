"""Callers of the API, one for each member of the cast."""

import pytest

from tests.api.client import Api, with_key
from users.models import User
from users.roles import Scope


@pytest.fixture
def anonymous(db: None) -> Api:
    return Api()


@pytest.fixture
def as_alice(alice: User) -> Api:
    return Api(alice)


@pytest.fixture
def as_bob(bob: User) -> Api:
    return Api(bob)


@pytest.fixture
def as_charlie(charlie: User) -> Api:
    return Api(charlie)


@pytest.fixture
def as_auditor(auditor: User) -> Api:
    return Api(auditor)


@pytest.fixture
def as_finance(finance: User) -> Api:
    return Api(finance)


@pytest.fixture
def as_backend(finance: User) -> Api:
    """A program with an API key of Finance."""
    return with_key(finance, Scope.values)


@pytest.fixture
def as_admin(admin: User) -> Api:
    return Api(admin)
