"""A clock that a test sets: what is posted gets its times from it."""

from datetime import UTC, datetime

import pytest
from django.utils import timezone


def utc(text: str) -> datetime:
    """`utc("2026-10-01 12:00")`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


class Clock:
    """Stands still at `now` until it is set again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
        self.now = now
        monkeypatch.setattr(timezone, "now", lambda: self.now)

    def set(self, text: str) -> None:
        self.now = utc(text)
