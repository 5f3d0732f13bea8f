"""GET /balances/current?at=."""

import pytest

from balances.models import Balance
from tests.api.client import CURRENT, Api, assert_problem, body_of, change_balance
from tests.books import fund, post_one, withdrawal
from tests.clock import Clock
from users.models import User

WIRE = "2026-10-{:02}T00:00:00.000000Z"


@pytest.fixture
def month(alice: User, monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock(monkeypatch, alice.created_at)
    clock.set("2026-10-02 00:00")
    fund(alice, "100.50")
    clock.set("2026-10-05 00:00")
    post_one(withdrawal(alice, "0.50"))
    clock.set("2026-10-09 00:00")
    fund(alice, "500", "JPY")
    clock.set("2026-10-20 00:00")
    return clock


@pytest.mark.parametrize(
    ("at", "amount", "version"),
    [
        ("0001-01-01T00:00:00Z", "0.00", 0),
        ("2026-10-01T23:59:59.999999Z", "0.00", 0),
        ("2026-10-02T00:00:00Z", "100.50", 1),
        ("2026-10-02T02:00:00+02:00", "100.50", 1),
        ("2026-10-04T23:59:59.999999Z", "100.50", 1),
        ("2026-10-05T00:00:00Z", "100.00", 2),
        ("2026-10-20T00:00:00Z", "100.00", 2),
    ],
)
def test_at_shows_what_was_posted_then(
    at: str, amount: str, version: int, month: Clock, as_alice: Api
) -> None:
    shown = body_of(as_alice.get(CURRENT, currency="USD", at=at))
    assert shown.keys() == {"currency", "amount", "entry_version", "at"}
    assert (shown["amount"], shown["entry_version"]) == (amount, version)


def test_at_shows_all_currencies_that_have_entries_now(
    month: Clock, alice: User, as_alice: Api, as_auditor: Api
) -> None:
    def dollars(at: str, amount: str, version: int) -> dict[str, object]:
        return {"currency": "USD", "amount": amount, "entry_version": version, "at": at}

    first, third, tenth = (WIRE.format(day) for day in (1, 3, 10))
    yen = {"currency": "JPY", "amount": "500", "entry_version": 1, "at": tenth}
    for at, posted in ((first, dollars(first, "0.00", 0)), (third, dollars(third, "100.50", 1))):
        no_yen = {"currency": "JPY", "amount": "0", "entry_version": 0, "at": at}
        assert body_of(as_alice.get(CURRENT, at=at))["balances"] == [no_yen, posted]
    answer = {"user_id": alice.pk, "balances": [yen, dollars(tenth, "100.00", 2)]}
    assert body_of(as_alice.get(CURRENT, at=tenth)) == answer
    assert body_of(as_auditor.get(CURRENT, at=tenth, user_id=alice.pk)) == answer


def test_at_counts_entries_not_versions(month: Clock, alice: User, as_alice: Api) -> None:
    change_balance(alice, held=100)
    shown = body_of(as_alice.get(CURRENT, currency="USD", at="2026-10-20T00:00:00Z"))
    assert (shown["amount"], shown["entry_version"]) == ("100.00", 2)


def test_at_in_the_future_is_refused(month: Clock, as_alice: Api) -> None:
    for at in ("2026-10-20T00:00:00.000001Z", "9999-12-31T23:59:59.999999Z"):
        assert_problem(as_alice.get(CURRENT, at=at), 400, "at_in_future")


@pytest.mark.parametrize("at", ["yesterday", "2026-13-01T00:00:00Z", "1759276800"])
def test_at_must_be_a_time(at: str, as_alice: Api) -> None:
    problem = assert_problem(as_alice.get(CURRENT, at=at), 400, "invalid_request")
    assert list(problem["errors"]) == ["at"]


def test_at_of_another_is_forbidden(month: Clock, alice: User, as_bob: Api) -> None:
    response = as_bob.get(CURRENT, at="2026-10-10T00:00:00Z", user_id=alice.pk)
    assert_problem(response, 403, "permission_denied")


def test_at_opens_no_balance(as_alice: Api) -> None:
    at = "2020-01-01T00:00:00.000000Z"
    shown = body_of(as_alice.get(CURRENT, currency="JPY", at=at))
    assert shown == {"currency": "JPY", "amount": "0", "entry_version": 0, "at": at}
    assert not Balance.objects.exists()
