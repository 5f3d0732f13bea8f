"""MariaDB, installed anew each time."""

import os
import pwd
import secrets
import shutil
import subprocess
from pathlib import Path

from bench.servers import packages
from bench.servers.packages import program
from bench.servers.process import Server, run


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
        packages.MARIADB.ensure()
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
