"""The database and Redis as docker-compose.yml starts them, and the application as their user."""

from contextlib import closing

import MySQLdb
import pytest
import redis

from tests.compose.containers import Containers
from tests.e2e.world import STANDARD, manage, register
from tests.servers import LedgerServer

pytestmark = pytest.mark.skipif(not STANDARD, reason="docker-compose.yml has MySQL and Redis")

ALL_JOBS = """
from django.conf import settings
from django.core.management import call_command
for job in settings.SCHEDULE:
    call_command(job.command)
"""


def test_application_does_all_its_work_as_a_user_who_may_change_no_table(
    running: Containers,
) -> None:
    env = running.env
    with LedgerServer(env) as server:
        alice, bob = register(server, "100.00"), register(server)
        assert alice.transfer(bob, "30.00").status_code == 201
        pending = alice.transfer(bob, "5.00", pending=True).json()["id"]
        assert bob.post(f"transactions/{pending}/cancel", {}).status_code == 200
    finished = manage(env, "shell", "-c", ALL_JOBS)  # `reconcile` is one of them
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize(
    "statement",
    [
        "TRUNCATE balances_balancehistory",
        "TRUNCATE audit_auditlog",
        "DROP TABLE balances_balancehistory",
        "DROP TRIGGER entry_never_changed",
        "ALTER TABLE balances_balance ADD extra int",
        "CREATE TABLE extra (id int)",
    ],
)
def test_application_may_not_get_round_the_triggers(statement: str, running: Containers) -> None:
    env = running.env
    connection = MySQLdb.connect(
        host=env["DB_HOST"],
        port=int(env["DB_PORT"]),
        user=env["DB_USER"],
        password=env["DB_PASSWORD"],
        database=env["DB_NAME"],
    )
    refused = pytest.raises(MySQLdb.OperationalError, match="command denied")
    with closing(connection), connection.cursor() as cursor, refused:
        cursor.execute(statement)


def test_database_keeps_what_it_committed(running: Containers) -> None:
    rows = running.database.execute(
        "SELECT @@innodb_flush_log_at_trx_commit, @@sync_binlog, @@log_bin, @@time_zone,"
        " @@local_infile, @@max_connections >= 4 * 33"
    )
    assert rows.split() == ["1", "1", "1", "+00:00", "0", "1"]


def test_database_is_healthy_once_the_application_can_sign_in(running: Containers) -> None:
    database = running.database
    assert running.database_is_healthy()
    database.execute("ALTER USER books@'%' ACCOUNT LOCK")
    assert not running.database_is_healthy()
    database.execute("ALTER USER books@'%' ACCOUNT UNLOCK")
    assert running.database_is_healthy()


def test_redis_asks_for_its_password_and_keeps_nothing_on_disk(running: Containers) -> None:
    cache = running.cache
    with redis.Redis(port=cache.port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with redis.Redis(port=cache.port, password=cache.password) as known:
        memory = known.info("memory")
        assert memory["maxmemory"] == 128 * 1024 * 1024
        assert memory["maxmemory_policy"] == "volatile-lru"
        with pytest.raises(redis.ResponseError, match="unknown command"):
            known.config_get("*")
    assert cache.password not in cache.output()
    assert {path.name for path in cache.directory.iterdir()} == {"redis.conf", "output.log"}
