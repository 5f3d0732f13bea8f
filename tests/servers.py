"""Private throw-away servers for tests: MariaDB, Redis and Ledger Link itself.

Each listens on 127.0.0.1 on a free port, keeps its data in a temporary directory of its own, is
stopped by its own process id, and leaves nothing behind. Standard library only.
"""

import http.client
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests import leaks, system_packages
from tests.server_process import REPOSITORY, Server, run
from tests.system_packages import program


class MariaDB(Server):
    """MariaDB with durable defaults, utf8mb4 and time zones.

    `user` may do everything in databases named ledgerlink… and test_ledgerlink…, over TCP.
    """

    user = "ledgerlink"
    database = "ledgerlink"
    defaults = "--no-defaults"  # or --defaults-file=…

    def __init__(self) -> None:
        super().__init__()
        self.password = secrets.token_urlsafe(18)
        self._account = pwd.getpwuid(os.geteuid()).pw_name

    @property
    def env(self) -> dict[str, str]:
        """Settings that point Ledger Link at this server."""
        return {
            "DB_HOST": "127.0.0.1",
            "DB_PORT": str(self.port),
            "DB_USER": self.user,
            "DB_PASSWORD": self.password,
            "DB_NAME": self.database,
        }

    def start(self) -> None:
        """Create the data directory on first use, start, and make the user on first use."""
        system_packages.MARIADB.ensure()
        fresh = self.directory == Path()
        self.make_directory()
        as_user = self._hand_directory_to_mysql() if fresh else self._as_user()
        if fresh:
            self._install(as_user)
        self.launch(
            [
                program("mariadbd"),
                self.defaults,
                *as_user,
                f"--datadir={self.directory / 'data'}",
                f"--tmpdir={self.directory}",
                f"--socket={self.socket}",
                f"--pid-file={self.directory / 'mariadb.pid'}",
                f"--port={self.port}",
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
                "--character-set-server=utf8mb4",
                "--innodb-flush-log-at-trx-commit=1",
            ],
            self._answers,
        )
        if fresh:
            self._load_time_zones()
            self.execute(
                f"CREATE DATABASE {self.database};"
                f"CREATE USER {self.user}@'127.0.0.1' IDENTIFIED BY '{self.password}';"
                f"GRANT ALL ON `ledgerlink%`.* TO {self.user}@'127.0.0.1';"
                f"GRANT ALL ON `test\\_ledgerlink%`.* TO {self.user}@'127.0.0.1';"
            )

    def execute(self, sql: str, database: str = "mysql") -> str:
        """Run SQL as the server's administrator; returns tab-separated rows without headings."""
        return run(
            [*self._client("mariadb"), "--batch", "--skip-column-names", database], stdin=sql
        )

    @property
    def socket(self) -> Path:
        return self.directory / "sock"

    def _client(self, name: str) -> list[str]:
        return [program(name), "--no-defaults", f"--socket={self.socket}", f"-u{self._account}"]

    def _answers(self) -> bool:
        ping = [*self._client("mariadb-admin"), "--silent", "ping"]
        return self.socket.exists() and (
            subprocess.run(ping, capture_output=True, check=False).returncode == 0
        )

    @staticmethod
    def _as_user() -> list[str]:
        return ["--user=mysql"] if os.geteuid() == 0 else []

    def _hand_directory_to_mysql(self) -> list[str]:
        """MariaDB refuses to run as root: as root, it and its files belong to the mysql user."""
        if os.geteuid() == 0:
            shutil.chown(self.directory, "mysql", "mysql")
        return self._as_user()

    def _install(self, as_user: list[str]) -> None:
        run(
            [
                program("mariadb-install-db"),
                "--no-defaults",
                *as_user,
                f"--datadir={self.directory / 'data'}",
                f"--tmpdir={self.directory}",  # one that starts empties it of temporary tables
                f"--auth-root-socket-user={self._account}",
                "--skip-test-db",
            ]
        )

    def _load_time_zones(self) -> None:
        sql = run([program("mariadb-tzinfo-to-sql"), "/usr/share/zoneinfo"])
        self.execute(sql)


class Redis(Server):
    """Redis with a password and without persistence."""

    def __init__(self) -> None:
        super().__init__()
        self.password = secrets.token_urlsafe(18)

    @property
    def env(self) -> dict[str, str]:
        """Settings that point Ledger Link at this server."""
        return {
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(self.port),
            "REDIS_PASSWORD": self.password,
            "REDIS_DB": "0",
        }

    def start(self) -> None:
        """Start empty; the password is in a file, so that no process list shows it."""
        system_packages.REDIS.ensure()
        self.make_directory()
        config = self.directory / "redis.conf"
        config.write_text(
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\n"
            f"dir {self.directory}\nsave ''\nappendonly no\n"
        )
        self.launch([program("redis-server"), str(config)], self.answers)

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                with connection.makefile("rb") as replies:
                    return [replies.readline() for _ in range(2)] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False


class LedgerServer(Server):
    """The real server, started as `make run` starts it, with `env` on top of this environment."""

    command: Sequence[str] = (
        sys.executable,
        "-m",
        "gunicorn",
        "-c",
        "config/gunicorn.conf.py",
        "ledgerlink.wsgi:application",
    )
    cwd: Path = REPOSITORY

    def __init__(
        self, env: Mapping[str, str], workers: int | None = None, threads: int | None = None
    ) -> None:
        super().__init__()
        self.env = {**os.environ, **env, "APP_PORT": str(self.port)}
        for name, value in self.env.items():
            leaks.know_env(name, value)
        self._options = [
            f"--{name}={count}"
            for name, count in (("workers", workers), ("threads", threads))
            if count is not None
        ]

    @property
    def url(self) -> str:
        """Base URL without a trailing slash."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start gunicorn and return when GET /health/ready answers 200."""
        self.make_directory()
        metrics = {"PROMETHEUS_MULTIPROC_DIR": str(self.directory / "metrics")}
        self.launch([*self.command, *self._options], self.answers, metrics | self.env, self.cwd)

    def remove_directory(self) -> None:
        """What it printed is read first."""
        leaks.read(self.output())
        super().remove_directory()

    def answers(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", "/health/ready")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()
