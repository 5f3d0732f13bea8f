"""The period of a statement."""

from datetime import date, datetime

import pytest

from balances.errors import InvalidPeriod
from balances.periods import Period, period_of
from tests.clock import Clock, utc

NOW = "2026-11-22 20:00"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch, utc(NOW))


def test_nothing_named_is_the_month_before_this_one() -> None:
    assert period_of(None, None) == Period(utc("2026-10-01"), utc("2026-11-01"))


@pytest.mark.parametrize(
    ("now", "start", "end"),
    [
        ("2026-01-31 23:59", "2025-12-01", "2026-01-01"),
        ("2026-03-31 12:00", "2026-02-01", "2026-03-01"),
        ("2028-03-01 12:00", "2028-02-01", "2028-03-01"),
    ],
)
def test_month_before_is_a_whole_one(now: str, start: str, end: str, clock: Clock) -> None:
    clock.set(now)
    assert period_of(None, None) == Period(utc(start), utc(end))


def test_days_are_whole_and_the_last_is_included() -> None:
    period = period_of(date(2026, 10, 1), date(2026, 10, 31))
    assert period == Period(utc("2026-10-01"), utc("2026-11-01"))
    assert (period.in_days, period.last_day) == (True, date(2026, 10, 31))
    assert period_of(date(2026, 10, 5), date(2026, 10, 5)).last_day == date(2026, 10, 5)


def test_times_are_taken_as_they_are_without_the_end() -> None:
    period = period_of(utc("2026-10-01 03:00"), utc("2026-10-02 04:00"))
    assert period == Period(utc("2026-10-01 03:00"), utc("2026-10-02 04:00"))
    assert not period.in_days


@pytest.mark.parametrize(
    "last", [None, date(2026, 11, 22), date(2027, 1, 1), date.max, utc("2030-01-01")], ids=str
)
def test_open_period_ends_now_and_is_provisional(last: date | datetime | None) -> None:
    expected = Period(utc("2026-11-01"), utc(NOW), provisional=True)
    assert period_of(date(2026, 11, 1), last) == expected


def test_period_is_provisional_until_the_last_commit_must_be_in(clock: Clock) -> None:
    for now, provisional in (("2026-11-01 00:00:59", True), ("2026-11-01 00:01", False)):
        clock.set(now)
        assert period_of(date(2026, 10, 1), date(2026, 10, 31)).provisional is provisional
        assert period_of(None, None).provisional is provisional


@pytest.mark.parametrize(
    ("first", "last"),
    [
        (None, date(2026, 10, 31)),
        (date(2026, 10, 2), date(2026, 10, 1)),
        (utc("2026-10-01 12:00"), utc("2026-10-01 12:00")),
        (utc("2026-10-02 12:00"), date(2026, 10, 1)),
        (date(2026, 11, 23), None),
        (date.max, date.max),
        (utc(NOW), None),
    ],
    ids=str,
)
def test_period_that_makes_no_sense_is_refused(
    first: date | datetime | None, last: date | datetime | None
) -> None:
    with pytest.raises(InvalidPeriod):
        period_of(first, last)
