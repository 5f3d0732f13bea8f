"""The clock of django-ratelimit, whose counts begin anew as it goes on."""

from types import SimpleNamespace

import pytest
from django_ratelimit import core

START = 1_790_000_000.0  # seconds since 1970


class RateClock:
    """Stands still, so that no count begins anew in the middle of a test."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = START
        monkeypatch.setattr(core, "time", SimpleNamespace(time=lambda: self.now))

    def advance(self, seconds: float) -> None:
        self.now += seconds
