"""What the environment makes of the settings, in each topology."""

import importlib.util
import os
import subprocess
import sys
from types import ModuleType

import pytest
from django.core.exceptions import ImproperlyConfigured

from ledgerlink.environment import BASE_DIR, flag, items, number, share, text
from tests.ledgerlink.test_secrets import GOOD

PRODUCTION = {
    "APP_ENV": "production",
    "SECRET_KEY": GOOD,
    "JWT_SECRET": GOOD[::-1],
    "ALLOWED_HOSTS": "pay.example.com",
}


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("APP_ENV", "DB_HOST", "REDIS_HOST", "SQLITE_PATH", "SECRET_KEY", "JWT_SECRET"):
        monkeypatch.setenv(name, "")


def settings_with(monkeypatch: pytest.MonkeyPatch, **env: str) -> ModuleType:
    """The settings module, run anew in this environment beside the one in use."""
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    spec = importlib.util.spec_from_file_location("anew", BASE_DIR / "ledgerlink" / "settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_embedded_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    made = settings_with(monkeypatch)
    database = made.DATABASES["default"]
    assert database["ENGINE"] == "django.db.backends.sqlite3"
    assert str(database["NAME"]).endswith("var/ledgerlink.sqlite3")
    assert database["OPTIONS"]["transaction_mode"] == "IMMEDIATE"
    assert "journal_mode=WAL" in database["OPTIONS"]["init_command"]
    assert "locmem" in made.CACHES["default"]["BACKEND"]
    assert made.SELF_SERVICE_FUNDING


def test_standard_is_chosen_by_host_names(monkeypatch: pytest.MonkeyPatch) -> None:
    made = settings_with(
        monkeypatch,
        DB_HOST="db.internal",
        DB_PORT="3307",
        DB_PASSWORD="pa$$word%",
        REDIS_HOST="redis.internal",
        REDIS_PORT="6380",
        REDIS_DB="3",
    )
    database = made.DATABASES["default"]
    assert database["ENGINE"] == "ledgerlink.mysql"
    assert (database["HOST"], database["PORT"], database["PASSWORD"]) == (
        "db.internal",
        "3307",
        "pa$$word%",
    )
    assert database["OPTIONS"]["isolation_level"] == "read committed"
    assert made.CACHES["default"]["LOCATION"] == "redis://redis.internal:6380/3"


def test_production_is_safe_by_default(monkeypatch: pytest.MonkeyPatch) -> None:
    made = settings_with(monkeypatch, **PRODUCTION)
    assert made.PRODUCTION
    assert not made.DEBUG
    assert not made.SELF_SERVICE_FUNDING
    assert made.SESSION_COOKIE_SECURE
    assert made.CSRF_COOKIE_SECURE
    assert made.SECURE_HSTS_SECONDS > 0
    assert made.ALLOWED_HOSTS == ["pay.example.com"]


@pytest.mark.parametrize("missing", ["SECRET_KEY", "JWT_SECRET"])
def test_production_does_not_start_without_a_secret(
    missing: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ImproperlyConfigured, match=missing):
        settings_with(monkeypatch, **{**PRODUCTION, missing: ""})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("POSTING_QUEUE_SIZE", "0"),
        ("POSTING_QUEUE_SIZE", "many"),
        ("POSTING_BATCH_SIZE", "-1"),
        ("POSTING_TIMEOUT_SECONDS", "1.5"),
        ("SELF_SERVICE_FUNDING", "perhaps"),
        ("OPEN_REGISTRATION", "2"),
    ],
)
def test_variable_that_cannot_be_understood_is_named(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ImproperlyConfigured, match=f"{name} is '{value}'"):
        settings_with(monkeypatch, **{name: value})


def test_access_tokens_are_short_lived(monkeypatch: pytest.MonkeyPatch) -> None:
    jwt = settings_with(monkeypatch).SIMPLE_JWT
    assert jwt["ACCESS_TOKEN_LIFETIME"].total_seconds() == 900


@pytest.mark.parametrize(
    ("value", "expected"),
    [("on", True), ("TRUE", True), ("1", True), (" no ", False), ("0", False)],
)
def test_flag_is_read(value: str, expected: bool, monkeypatch: pytest.MonkeyPatch) -> None:  # noqa: FBT001 - a case
    monkeypatch.setenv("A_FLAG", value)
    assert flag("A_FLAG", default=not expected) is expected


def test_empty_variable_is_a_missing_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EMPTY", "  ")
    assert text("EMPTY", "default") == "default"
    assert number("EMPTY", 7) == 7
    assert flag("EMPTY", default=True)
    assert items("EMPTY", ["a"]) == ["a"]


def test_list_is_split_at_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIST", " a, b,,c ,")
    assert items("LIST") == ["a", "b", "c"]


@pytest.mark.parametrize("value", ["1.0", "-1", "x", "\u0661", "\u00b2", "1e3", "0"])
def test_number_that_is_none_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_NUMBER", value)
    with pytest.raises(ImproperlyConfigured, match="A_NUMBER"):
        number("A_NUMBER", 1)


@pytest.mark.parametrize("value", ["1.01", "-0.1", "nan", "inf", "5%"])
def test_share_that_is_none_is_refused(value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_SHARE", value)
    with pytest.raises(ImproperlyConfigured, match="A_SHARE"):
        share("A_SHARE", 1)


def test_traces_are_off_and_a_twentieth_in_production(monkeypatch: pytest.MonkeyPatch) -> None:
    made = settings_with(monkeypatch, **PRODUCTION)
    assert (made.TRACING_ENABLED, made.TRACING_SAMPLE_RATIO) == (False, 0.05)
    made = settings_with(monkeypatch, APP_ENV="", TRACING_ENABLED="on", TRACING_SAMPLE_RATIO="0")
    assert (made.TRACING_ENABLED, made.TRACING_SAMPLE_RATIO) == (True, 0.0)


@pytest.mark.parametrize(
    ("env", "told"),
    [
        (
            {"SECRET_KEY": "", "JWT_SECRET": "short"},
            ["SECRET_KEY is not set.", "JWT_SECRET is too short"],
        ),
        ({"RATELIMIT_LOGIN": "often"}, ["RATELIMIT_LOGIN is 'often'; give a rate"]),
        ({"APP_PORT": "abc"}, ["APP_PORT is 'abc'; give a whole number"]),
        ({"APP_PORT": "65536"}, ["APP_PORT is 65536; give a port from 1 to 65535."]),
    ],
)
def test_commands_say_all_that_is_to_be_mended_without_a_traceback(
    env: dict[str, str], told: list[str]
) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "check"],
        cwd=BASE_DIR,
        env={**os.environ, **PRODUCTION, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    lines = done.stderr.splitlines()
    assert len(lines) == len(told)
    for line, beginning in zip(lines, told, strict=True):
        assert line.startswith(beginning)
