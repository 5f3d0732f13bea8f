"""The database and cache topologies that the suite runs on."""

import os
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import MySQLdb
import redis

from bench.servers.database import DatabaseServer
from bench.servers.mariadb import MariaDB
from bench.servers.mysql import MySQL
from bench.servers.packages import MissingSystemPackageError
from bench.servers.process import ServerError
from bench.servers.redis import Redis

DATABASE_KEYS = ("DB_HOST", "DB_PORT", "DB_USER", "DB_PASSWORD", "DB_NAME")
PRIVATE_DATABASE = "PRIVATE_DATABASE"  # which one is started where none is named
PRIVATE_DATABASES: Mapping[str, type[DatabaseServer]] = {"mariadb": MariaDB, "mysql": MySQL}
REDIS_KEYS = ("REDIS_HOST", "REDIS_PORT", "REDIS_PASSWORD", "REDIS_DB")


class MissingEngineError(RuntimeError):
    """An engine can be neither reached nor started here."""


@dataclass(frozen=True)
class Engine:
    """What the suite runs on: names with versions, and the environment that selects it."""

    name: str
    env: Mapping[str, str]


@contextmanager
def embedded() -> Iterator[Engine]:
    """SQLite and the in-process cache; empty host names also override those of a .env file."""
    env = _environment_without(*DATABASE_KEYS, *REDIS_KEYS)
    name = f"SQLite {sqlite3.sqlite_version}, in-process cache"
    yield Engine(name, {**env, "DB_HOST": "", "REDIS_HOST": ""})


@contextmanager
def standard() -> Iterator[Engine]:
    """MariaDB/MySQL and Redis: those that DB_HOST and REDIS_HOST name, else private ones.

    Raises MissingEngineError.
    """
    with _on(_named(DATABASE_KEYS), private_database()) as engine:
        yield engine


@contextmanager
def mysql() -> Iterator[Engine]:
    """Oracle's MySQL, a private one whatever DB_HOST names, and Redis as in `standard`.

    Raises MissingEngineError.
    """
    with _on({}, MySQL()) as engine:
        yield Engine(engine.name, {**engine.env, PRIVATE_DATABASE: "mysql"})


def private_database() -> DatabaseServer:
    """One more server, not started, of the kind that the suite runs on."""
    return PRIVATE_DATABASES[os.environ.get(PRIVATE_DATABASE, "mariadb")]()


@contextmanager
def _on(named: Mapping[str, str], private: DatabaseServer) -> Iterator[Engine]:
    with ExitStack() as servers:
        try:
            database = named or servers.enter_context(private).env
            cache = _named(REDIS_KEYS) or servers.enter_context(Redis()).env
            name = f"{_database_version(database)}, {_redis_version(cache)}"
        except (MissingSystemPackageError, ServerError, MySQLdb.Error, redis.RedisError) as error:
            raise MissingEngineError(str(error)) from error
        env = _environment_without(*DATABASE_KEYS, *REDIS_KEYS)
        yield Engine(name, {**env, **database, **cache})


def _environment_without(*keys: str) -> dict[str, str]:
    return {key: value for key, value in os.environ.items() if key not in keys}


def _named(keys: tuple[str, ...]) -> dict[str, str]:
    """The settings of a server that the environment names; empty when it names none."""
    if not os.environ.get(keys[0]):
        return {}
    return {key: os.environ[key] for key in keys if key in os.environ}


def _database_version(env: Mapping[str, str]) -> str:
    connection = MySQLdb.connect(
        host=env["DB_HOST"],
        port=int(env.get("DB_PORT", "3306")),
        user=env.get("DB_USER", "ledgerlink"),
        password=env.get("DB_PASSWORD", ""),
        connect_timeout=10,
    )
    try:
        version: str = connection.get_server_info()
    finally:
        connection.close()
    family = "MariaDB" if "mariadb" in version.lower() else "MySQL"
    return f"{family} {version.split('-', maxsplit=1)[0]}"


def _redis_version(env: Mapping[str, str]) -> str:
    with redis.Redis(
        host=env["REDIS_HOST"],
        port=int(env.get("REDIS_PORT", "6379")),
        password=env.get("REDIS_PASSWORD") or None,
        db=int(env.get("REDIS_DB", "0")),
        socket_timeout=10,
    ) as client:
        return f"Redis {client.info('server')['redis_version']}"
