"""A database of the MySQL family, installed anew each time."""

import secrets
import subprocess
from abc import abstractmethod
from pathlib import Path

from bench.servers.process import Server, run


class DatabaseServer(Server):
    """A database with durable defaults, utf8mb4 and time zones.

    `user` may do everything in databases named ledgerlink… and test_ledgerlink…, over TCP.
    """

    user = "ledgerlink"
    database = "ledgerlink"
    defaults = "--no-defaults"  # or --defaults-file=…
    administrator: str  # who signs in at the socket without a password

    def __init__(self) -> None:
        super().__init__()
        self.password = secrets.token_urlsafe(18)

    @abstractmethod
    def prepare(self) -> None:
        """See to its programs; raises MissingSystemPackageError."""

    @abstractmethod
    def install(self) -> None:
        """Write what an empty server needs into the new directory; raises ServerError."""

    @abstractmethod
    def command(self, name: str) -> list[str]:
        """How a program is called that MySQL knows as `name`: mysqld, mysql, mysqldump."""

    @abstractmethod
    def options(self) -> list[str]:
        """Options that this server takes and others do not."""

    @abstractmethod
    def set_root_password(self, password: str) -> None:
        """Let root@localhost do everything with this password."""

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
        self.prepare()
        fresh = self.directory == Path()
        self.make_directory()
        if fresh:
            self.install()
        self.launch(
            [
                *self.command("mysqld"),
                self.defaults,
                *self.options(),
                f"--datadir={self.directory / 'data'}",
                f"--tmpdir={self.directory}",
                f"--socket={self.socket}",
                f"--pid-file={self.directory / 'server.pid'}",
                f"--port={self.port}",
                "--bind-address=127.0.0.1",
                "--skip-name-resolve",
                "--character-set-server=utf8mb4",
                "--innodb-flush-log-at-trx-commit=1",
            ],
            self._answers,
        )
        if fresh:
            self.execute(run([*self.command("mysql_tzinfo_to_sql"), "/usr/share/zoneinfo"]))
            self.execute(
                f"CREATE DATABASE {self.database};"
                f"CREATE USER {self.user}@'127.0.0.1' IDENTIFIED BY '{self.password}';"
                f"GRANT ALL ON `ledgerlink%`.* TO {self.user}@'127.0.0.1';"
                f"GRANT ALL ON `test\\_ledgerlink%`.* TO {self.user}@'127.0.0.1';"
            )

    def execute(self, sql: str, database: str = "mysql") -> str:
        """Run SQL as the server's administrator; returns tab-separated rows without headings."""
        return run([*self._client(), "--batch", "--skip-column-names", database], stdin=sql)

    @property
    def socket(self) -> Path:
        return self.directory / "sock"

    def _client(self) -> list[str]:
        account = f"--user={self.administrator}"
        return [*self.command("mysql"), "--no-defaults", f"--socket={self.socket}", account]

    def _answers(self) -> bool:
        ask = [*self._client(), "--execute=DO 0"]
        return self.socket.exists() and (
            subprocess.run(ask, capture_output=True, check=False).returncode == 0
        )
