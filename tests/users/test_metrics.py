"""What is counted of sign-ins and accounts: how many, never who."""

import pytest
from prometheus_client import REGISTRY

from tests.api.client import Api
from tests.books import PASSWORD, make_user
from users.metrics import active_users
from users.models import User
from users.roles import Role

pytestmark = pytest.mark.django_db(transaction=True)


def attempts(status: str) -> float:
    labels = {"method": "password", "status": status}
    return REGISTRY.get_sample_value("ledger_auth_attempts_total", labels) or 0.0


def operations(name: str) -> float:
    return REGISTRY.get_sample_value("ledger_user_operations_total", {"operation": name}) or 0.0


def test_sign_ins_are_counted_by_what_became_of_them(alice: User) -> None:
    before = attempts("success"), attempts("failure")
    for password in (PASSWORD, "wrong", "wrong"):
        Api().post("/api/v1/auth/login", {"username": "alice", "password": password})
    assert (attempts("success"), attempts("failure")) == (before[0] + 1, before[1] + 2)


def test_what_is_done_to_users_is_counted_when_it_was_done() -> None:
    before = operations("created")
    body = {"username": "dora", "email": "dora@example.com", "password": PASSWORD}
    assert Api().post("/api/v1/users", body).status_code == 201
    assert Api().post("/api/v1/users", body).status_code == 400
    assert operations("created") == before + 1


def test_active_users_are_counted_by_role(alice: User) -> None:
    make_user("gone", is_active=False)
    make_user("finance", Role.FINANCE)
    (family,) = active_users()
    found = {sample.labels["role"]: sample.value for sample in family.samples}
    assert found == {"user": 1, "finance": 1}
