"""The database and Redis of docker-compose.yml, started with its files and by its commands."""

import os
import shlex
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.servers import packages
from bench.servers.database import DatabaseServer
from bench.servers.engines import private_database
from bench.servers.packages import program
from bench.servers.process import REPOSITORY
from bench.servers.redis import Redis
from tests.compose.stack import SECRETS, services, shell
from tests.e2e.world import migrate

STACK = services(APP_ENV="production", DB_USER="books", MIGRATION_USER="books_migration", **SECRETS)


class Cache(Redis):
    """Redis by the command of its service, on a port of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.password = SECRETS["REDIS_PASSWORD"]

    def start(self) -> None:
        packages.REDIS.ensure()
        self.make_directory()
        text = (REPOSITORY / "config/redis/redis.conf").read_text()
        config = self.directory / "redis.conf"
        here = f"bind 127.0.0.1\nport {self.port}\n"
        config.write_text(text + here)
        *sh, script = STACK["redis"]["command"]
        script = shell(script).replace("/etc/redis/redis.conf", str(config))
        path = f"{Path(program('redis-server')).parent}:{os.environ['PATH']}"
        env = {**STACK["redis"]["environment"], "PATH": path}
        self.launch([*sh, script], self.answers, env, self.directory)


@dataclass(frozen=True)
class Containers:
    """Both with migrated books, and the settings of the application that runs on them."""

    database: DatabaseServer
    cache: Cache
    env: Mapping[str, str]

    def run(self, *command: str, **streams: Any) -> subprocess.CompletedProcess[bytes]:
        """A command in the database's container."""
        return _run(self.database, *command, **streams)

    def database_is_healthy(self) -> bool:
        kind, test = STACK["mysql"]["healthcheck"]["test"]
        assert kind == "CMD-SHELL"
        return self.run("/bin/sh", "-c", shell(test)).returncode == 0

    @property
    def as_migration(self) -> dict[str, str]:
        """The settings of the service `migrate`."""
        return {**self.env, **_user("migrate")}


@contextmanager
def containers() -> Iterator[Containers]:
    database = private_database()
    database.defaults = f"--defaults-file={REPOSITORY / 'config/mysql/ledgerlink.cnf'}"
    with database, Cache() as cache:
        _furnish(database)
        here = {"ALLOWED_HOSTS": "127.0.0.1", "APP_HOST": "127.0.0.1", "WEB_CONCURRENCY": "2"}
        loose = {"SELF_SERVICE_FUNDING": "true", "RATELIMIT_ENABLE": "false"}
        given = STACK["app"]["environment"].items()
        env = {name: value for name, value in given if value is not None}
        env |= {**database.env, **cache.env, **here, **loose, "TRACING_ENABLED": "false"}
        made = Containers(database, cache, {**env, **_user("app")})
        migrate(made.as_migration)
        yield made


def _furnish(database: DatabaseServer) -> None:
    """As the image does with an empty volume: root gets its password, and init/ is run."""
    _make_clients(database)
    database.set_root_password(SECRETS["MYSQL_ROOT_PASSWORD"])
    for script in sorted((REPOSITORY / "config/mysql/init").iterdir()):
        finished = _run(database, str(script))
        assert finished.returncode == 0, finished.stderr


def _make_clients(database: DatabaseServer) -> None:
    """By MySQL's names; they find this server, as those of the image do."""
    (database.directory / ".my.cnf").write_text(
        f"[client]\nsocket={database.socket}\nport={database.port}\n"
    )
    (database.directory / "bin").mkdir()
    for name in ("mysql", "mysqldump"):
        client = database.directory / "bin" / name
        client.write_text(f'#!/bin/sh\nexec {shlex.join(database.command(name))} "$@"\n')
        client.chmod(0o755)


def _run(
    database: DatabaseServer, *command: str, **streams: Any
) -> subprocess.CompletedProcess[bytes]:
    path = f"{database.directory / 'bin'}:{os.environ['PATH']}"
    env = {**STACK["mysql"]["environment"], "HOME": str(database.directory), "PATH": path}
    streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
    return subprocess.run(command, env=env, check=False, **streams)


def _user(service: str) -> dict[str, str]:
    environment = STACK[service]["environment"]
    return {name: environment[name] for name in ("DB_USER", "DB_PASSWORD")}
