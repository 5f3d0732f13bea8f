"""The database and Redis of docker-compose.yml, started with its files and by its commands."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.servers import packages
from bench.servers.mariadb import MariaDB
from bench.servers.packages import program
from bench.servers.process import REPOSITORY
from bench.servers.redis import Redis
from tests.compose.stack import SECRETS, services, shell
from tests.e2e.world import migrate

STACK = services(APP_ENV="production", DB_USER="books", MIGRATION_USER="books_migration", **SECRETS)


class Database(MariaDB):
    """MariaDB in the place of MySQL: the same configuration, the same users, the same tools."""

    defaults = f"--defaults-file={REPOSITORY / 'config/mysql/ledgerlink.cnf'}"

    def start(self) -> None:
        """As the image does with an empty volume: root gets its password, and init/ is run."""
        fresh = self.directory == Path()
        super().start()
        if fresh:
            self._make_clients()
            self.execute(
                "CREATE USER IF NOT EXISTS root@localhost;"
                "ALTER USER root@localhost IDENTIFIED VIA unix_socket OR mysql_native_password "
                f"USING PASSWORD('{SECRETS['MYSQL_ROOT_PASSWORD']}');"
                "GRANT ALL ON *.* TO root@localhost WITH GRANT OPTION;"
            )
            for script in sorted((REPOSITORY / "config/mysql/init").iterdir()):
                finished = self.run(str(script))
                assert finished.returncode == 0, finished.stderr

    def run(self, *command: str, **streams: Any) -> subprocess.CompletedProcess[bytes]:
        """A command in the container."""
        path = f"{self.directory / 'bin'}:{os.environ['PATH']}"
        env = {**STACK["mysql"]["environment"], "HOME": str(self.directory), "PATH": path}
        streams = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        return subprocess.run(command, env=env, check=False, **streams)

    def is_healthy(self) -> bool:
        kind, test = STACK["mysql"]["healthcheck"]["test"]
        assert kind == "CMD-SHELL"
        return self.run("/bin/sh", "-c", shell(test)).returncode == 0

    def _make_clients(self) -> None:
        """By MySQL's names, which newer ones of MariaDB lack; they find this server, as those of
        the image do."""
        (self.directory / ".my.cnf").write_text(
            f"[client]\nsocket={self.socket}\nport={self.port}\n"
        )
        (self.directory / "bin").mkdir()
        for ours, theirs in (("mysql", "mariadb"), ("mysqldump", "mariadb-dump")):
            (self.directory / "bin" / ours).symlink_to(program(theirs))


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

    database: Database
    cache: Cache
    env: Mapping[str, str]

    @property
    def as_migration(self) -> dict[str, str]:
        """The settings of the service `migrate`."""
        return {**self.env, **_user("migrate")}


@contextmanager
def containers() -> Iterator[Containers]:
    with Database() as database, Cache() as cache:
        here = {"ALLOWED_HOSTS": "127.0.0.1", "APP_HOST": "127.0.0.1", "WEB_CONCURRENCY": "2"}
        loose = {"SELF_SERVICE_FUNDING": "true", "RATELIMIT_ENABLE": "false"}
        given = STACK["app"]["environment"].items()
        env = {name: value for name, value in given if value is not None}
        env |= {**database.env, **cache.env, **here, **loose, "TRACING_ENABLED": "false"}
        made = Containers(database, cache, {**env, **_user("app")})
        migrate(made.as_migration)
        yield made


def _user(service: str) -> dict[str, str]:
    environment = STACK[service]["environment"]
    return {name: environment[name] for name in ("DB_USER", "DB_PASSWORD")}
