"""What counts as a secret in what a server printed."""

import pytest

from tests import leaks


@pytest.mark.parametrize(
    ("text", "gives_away"),
    [
        ("otp=918273 status=401", True),
        ('{"otp":"918273"}', True),
        ("request_id=a58c1f9b5d4169814f9182730e00d1db", False),
        ("duration_ms=1918273.4", False),
    ],
)
def test_a_short_secret_is_one_where_it_stands_alone(
    text: str, *, gives_away: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(leaks, "_known", {"918273"})
    assert (leaks.in_text(text) == [f"'918273': {text}"]) == gives_away


def test_a_long_secret_is_one_anywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaks, "_known", {"correct-horse-8"})
    assert leaks.in_text("url=/login?xcorrect-horse-8x")
