"""Fields that can't be understood or accepted: each is named, and nothing is stored."""

import json
import time

import pytest

from balances.enums import House
from tests.api.bad_values import ALL, CASES
from tests.api.client import DEPOSIT, TRANSFER, Api, assert_problem, books
from tests.books import amount_of, fund
from users.models import User


@pytest.fixture(autouse=True)
def funded(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    fund(bob, "100.00")


def good(path: str, bob: User) -> dict[str, str]:
    """The members of a request that would succeed, as JSON text."""
    to = {"to_user_id": str(bob.pk)} if path == TRANSFER else {}
    return {**to, "amount": '"1.00"'}


def written(members: dict[str, str]) -> bytes:
    inner = ",".join(f"{json.dumps(name)}:{text}" for name, text in members.items())
    return f"{{{inner}}}".encode()


@pytest.mark.parametrize(
    "case", CASES, ids=[f"{len(paths)} {field} {text[:24]}" for paths, field, text, _ in CASES]
)
def test_bad_field_is_named_and_nothing_stored(
    case: tuple[tuple[str, ...], str, str, str], bob: User, as_alice: Api
) -> None:
    paths, field, text, code = case
    before = books()
    for path in paths:
        response = as_alice.post(path, written({**good(path, bob), field: text}), key="k")
        problem = assert_problem(response, 400, "invalid_request")
        assert list(problem["errors"]) == [field]
        (error,) = problem["errors"][field]
        assert error["code"] == code
        assert error["detail"]
    assert books() == before


@pytest.mark.parametrize(
    ("path", "field"), [(TRANSFER, "to_user_id"), *((p, "amount") for p in ALL)]
)
def test_missing_field_is_named(path: str, field: str, bob: User, as_alice: Api) -> None:
    before = books()
    members = good(path, bob)
    del members[field]
    problem = assert_problem(as_alice.post(path, written(members)), 400, "invalid_request")
    assert [error["code"] for error in problem["errors"][field]] == ["required"]
    assert books() == before


def test_every_bad_field_is_named_at_once(as_alice: Api) -> None:
    response = as_alice.post(TRANSFER, {"amount": True, "currency": "XYZ", "colour": "red"})
    problem = assert_problem(response, 400, "invalid_request")
    assert {name: [e["code"] for e in found] for name, found in problem["errors"].items()} == {
        "amount": ["invalid_amount"],
        "colour": ["unknown_field"],
        "currency": ["unknown_currency"],
        "to_user_id": ["required"],
    }


@pytest.mark.parametrize(
    ("currency", "largest", "too_large"),
    [
        ("USD", "9999999999999999.99", ["10000000000000000.00", "99999999999999999.9"]),
        ("JPY", "999999999999999999", ["1000000000000000000"]),
        ("BHD", "999999999999999.999", ["1000000000000000.000", "1000000000000000"]),
    ],
)
def test_amount_has_at_most_18_digits(
    currency: str, largest: str, too_large: list[str], bob: User, as_bob: Api
) -> None:
    for amount in too_large:
        response = as_bob.post(DEPOSIT, {"amount": amount, "currency": currency})
        problem = assert_problem(response, 400, "invalid_request")
        assert [e["code"] for e in problem["errors"]["amount"]] == ["amount_too_large"]
    had = amount_of(bob, currency)
    response = as_bob.post(DEPOSIT, {"amount": largest, "currency": currency})
    assert response.status_code == 201
    assert amount_of(bob, currency) - had == 10**18 - 1


@pytest.mark.parametrize(
    ("currency", "amount"), [("JPY", "1.5"), ("JPY", "1.0"), ("BHD", "0.0001")]
)
def test_amount_has_no_more_decimals_than_its_currency(
    currency: str, amount: str, as_alice: Api
) -> None:
    response = as_alice.post(DEPOSIT, {"amount": amount, "currency": currency})
    problem = assert_problem(response, 400, "invalid_request")
    assert [e["code"] for e in problem["errors"]["amount"]] == ["too_many_decimals"]


def test_tiny_amount_mints_nothing(alice: User, bob: User, as_alice: Api) -> None:
    for _ in range(5):
        as_alice.post(TRANSFER, {"to_user_id": bob.pk, "amount": "0.000000005"})
        as_alice.post(DEPOSIT, {"amount": "0.004"})
    owners = (alice, bob, House.EXTERNAL)
    assert [amount_of(owner) for owner in owners] == [10000, 10000, -20000]


@pytest.mark.parametrize(
    "text",
    [
        "1e5000000",
        '"1e5000000"',
        "9" * 900_000,
        '"' + "9" * 900_000 + '"',
        "1." + "0" * 900_000,
        "-" * 900_000,
    ],
    ids=lambda text: f"{text[:12]} of {len(text)}",
)
def test_monstrous_amount_costs_no_time(text: str, bob: User, as_alice: Api) -> None:
    for path in ALL:
        body = written({**good(path, bob), "amount": text})
        spent = []
        for _ in range(3):  # the best of three: a garbage collection may fall into any
            started = time.process_time()
            response = as_alice.post(path, body)
            spent.append(time.process_time() - started)
        assert response.status_code == 400
        assert len(response.content) < 1000
        assert min(spent) < 0.05  # seconds of CPU
