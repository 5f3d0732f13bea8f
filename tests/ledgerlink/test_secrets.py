"""Secrets: none is shipped, none is guessable, and development needs none."""

import stat
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from ledgerlink import secrets as ledger_secrets
from ledgerlink.secrets import secret_from

GOOD = "qzXv7Lw2Rk9TfB4nYc8Hd3Jm6Ps1Ug5Ae0"


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the development secrets are kept in this test."""
    monkeypatch.setattr(ledger_secrets, "BASE_DIR", tmp_path)
    monkeypatch.delenv("SECRET_KEY", raising=False)
    return tmp_path / "var"


@pytest.mark.parametrize("production", [True, False])
def test_good_secret_is_taken(production: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a case
    monkeypatch.setenv("SECRET_KEY", GOOD)
    assert secret_from("SECRET_KEY", production=production) == GOOD


@pytest.mark.parametrize("value", ["", "   ", "short", GOOD[:31], "a" * 64, "abcabc" * 20])
def test_missing_short_or_uniform_secret_is_refused_in_production(
    value: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", value)
    with pytest.raises(ImproperlyConfigured, match="SECRET_KEY is") as refusal:
        secret_from("SECRET_KEY", production=True)
    assert value.strip() in ("", "short") or value not in str(refusal.value)
    assert not home.exists()


@pytest.mark.parametrize(
    "value",
    [
        "change-me-change-me-change-me-0123",
        "django-insecure-0123456789abcdefghij",
        "MySuperSecretKey0123456789abcdefgh",
    ],
)
def test_placeholder_is_refused_in_production(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", value)
    with pytest.raises(ImproperlyConfigured, match="placeholder"):
        secret_from("SECRET_KEY", production=True)
    assert secret_from("SECRET_KEY", production=False) == value


def test_short_secret_is_refused_in_development_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET_KEY", "short")
    with pytest.raises(ImproperlyConfigured, match="too short"):
        secret_from("SECRET_KEY", production=False)


def test_development_secret_is_made_once_and_is_its_owners_alone(home: Path) -> None:
    first = secret_from("SECRET_KEY", production=False)
    assert secret_from("SECRET_KEY", production=False) == first
    assert len(first) >= 48
    assert secret_from("JWT_SECRET_OF_TEST", production=False) != first
    files = sorted(path.name for path in home.iterdir())
    assert files == ["development-jwt_secret_of_test", "development-secret_key"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in home.iterdir()} == {0o600}
