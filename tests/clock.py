"""A clock that a test sets: what is posted gets its times from it."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from django.utils import timezone


def utc(text: str) -> datetime:
    """`utc("2026-10-01 12:00")`."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def key_made_at(moment: datetime) -> UUID:
    """A UUIDv7 as it is made then."""
    milliseconds = int(moment.timestamp() * 1000)
    return UUID(int=milliseconds << 80 | 7 << 76 | 0b10 << 62)


class Clock:
    """Stands still at `now` until it is set again."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, now: datetime) -> None:
        self.now = now
        monkeypatch.setattr(timezone, "now", lambda: self.now)

    def set(self, text: str) -> None:
        self.now = utc(text)
