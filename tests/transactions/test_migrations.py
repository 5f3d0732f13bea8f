"""The schema goes up, down to nothing and up again, by the command that operators use."""

import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import MySQLdb
import pytest
from django.apps import apps
from django.conf import settings
from django.core.management import call_command

from bench.servers.process import REPOSITORY
from tests.databases import own_database

APPS = ("audit", "balances", "transactions", "users")
TRIGGERS = {
    "approval_final",
    "approval_never_deleted",
    "audit_never_changed",
    "audit_never_deleted",
    "note_never_changed",
    "note_never_deleted",
    "balance_amount_by_entries",
    "balance_keeps_owner",
    "balance_never_deleted",
    "balance_version_grows",
    "currency_never_changed",
    "currency_never_deleted",
    "entry_never_changed",
    "entry_never_deleted",
    "reconciliation_never_changed",
    "reconciliation_never_deleted",
    "seal_never_changed",
    "seal_never_deleted",
    "transaction_final",
    "transaction_never_deleted",
    "transaction_pending_stays",
    "transaction_reverses_within",
    "verification_never_changed",
    "verification_never_deleted",
}


@pytest.fixture
def scratch(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    with own_database("migrations", tmp_path) as env:
        yield env


def manage(env: Mapping[str, str], *arguments: str) -> None:
    finished = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=REPOSITORY,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


def query(env: Mapping[str, str], sqlite: str, mysql: str) -> set[str]:
    """The first column of what the scratch database answers, past all of Django."""
    if not settings.DB_HOST:
        with closing(sqlite3.connect(env["SQLITE_PATH"])) as file:
            return {row[0] for row in file.execute(sqlite)}
    server = settings.DATABASES["default"]
    with closing(
        MySQLdb.connect(
            host=server["HOST"],
            port=int(str(server["PORT"])),
            user=server["USER"],
            password=server["PASSWORD"],
            database=env["DB_NAME"],
        )
    ) as connection:
        cursor = connection.cursor()
        cursor.execute(mysql)
        return {row[0] for row in cursor.fetchall()}


def triggers(env: Mapping[str, str]) -> set[str]:
    return query(
        env,
        "SELECT name FROM sqlite_master WHERE type = 'trigger'",
        "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema = DATABASE()",
    )


def tables(env: Mapping[str, str]) -> set[str]:
    return query(env, "SELECT name FROM sqlite_master WHERE type = 'table'", "SHOW TABLES")


def test_every_migration_goes_up_down_and_up_again(scratch: Mapping[str, str]) -> None:
    manage(scratch, "migrate", "--verbosity", "0")
    all_tables = tables(scratch)
    assert {model._meta.db_table for model in apps.get_models()} <= all_tables
    assert triggers(scratch) == TRIGGERS
    for app in ("audit", "users"):  # all others stand on users
        manage(scratch, "migrate", app, "zero", "--verbosity", "0")
    left = {name for name in tables(scratch) if name.startswith(tuple(f"{app}_" for app in APPS))}
    assert (left, triggers(scratch)) == (set(), set())
    manage(scratch, "migrate", "--verbosity", "0")
    assert (tables(scratch), triggers(scratch)) == (all_tables, TRIGGERS)


@pytest.mark.django_db
def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "--check", "--dry-run", verbosity=0)
