"""The throw-away servers: they answer, keep strangers out, and leave nothing behind."""

import os
import socket

import MySQLdb
import pytest
import redis

from bench.servers.database import DatabaseServer
from bench.servers.engines import private_database
from bench.servers.process import Server, ServerError
from bench.servers.redis import Redis


def assert_gone(server: Server, pid: int) -> None:
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", server.port))


def connect(server: DatabaseServer, password: str) -> MySQLdb.Connection:
    return MySQLdb.connect(
        host="127.0.0.1", port=server.port, user=server.user, password=password, charset="utf8mb4"
    )


def test_database_answers_and_is_gone_after() -> None:
    with private_database() as server:
        pid, directory = server.pid, server.directory
        connection = connect(server, server.password)
        with connection.cursor() as cursor:
            cursor.execute("CREATE DATABASE test_ledgerlink")
            cursor.execute("SELECT CONVERT_TZ('2026-07-01 12:00:00', 'UTC', 'Europe/Berlin')")
            assert str(cursor.fetchone()[0]) == "2026-07-01 14:00:00"
            cursor.execute("SELECT @@innodb_flush_log_at_trx_commit, @@character_set_database")
            assert cursor.fetchone() == (1, "utf8mb4")
        connection.close()
    assert_gone(server, pid)
    assert not directory.exists()


def test_database_keeps_data_over_a_crash_and_refuses_a_wrong_password() -> None:
    with private_database() as server:
        server.execute("CREATE TABLE kept (id int); INSERT INTO kept VALUES (7)", server.database)
        server.kill()
        assert not server.is_running()
        server.start()
        assert server.execute("SELECT id FROM kept", server.database) == "7\n"
        with pytest.raises(MySQLdb.OperationalError, match="Access denied"):
            connect(server, "wrong")


def test_redis_answers_and_is_gone_after() -> None:
    with Redis() as server:
        pid, directory = server.pid, server.directory
        with redis.Redis(port=server.port, password=server.password) as client:
            client.set("balance", "100.50")
            assert client.get("balance") == b"100.50"
        with redis.Redis(port=server.port) as stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    assert_gone(server, pid)
    assert not directory.exists()


def test_server_that_ends_by_itself_reports_its_output() -> None:
    class Broken(Server):
        def start(self) -> None:
            self.make_directory()
            self.launch(["/bin/sh", "-c", "echo no such engine; exit 3"], lambda: False)

    with pytest.raises(ServerError, match="ended:\nno such engine"), Broken():
        pass
