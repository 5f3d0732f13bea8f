"""MariaDB, from the machine's own packages."""

import os
import pwd
import shutil

from bench.servers import packages
from bench.servers.database import DatabaseServer
from bench.servers.packages import program
from bench.servers.process import run

NAMES = {
    "mysqld": "mariadbd",
    "mysql": "mariadb",
    "mysqldump": "mariadb-dump",
    "mysql_tzinfo_to_sql": "mariadb-tzinfo-to-sql",
}


class MariaDB(DatabaseServer):
    """It refuses to run as root: as root, it and its files belong to the mysql user."""

    administrator = pwd.getpwuid(os.geteuid()).pw_name

    def prepare(self) -> None:
        packages.MARIADB.ensure()

    def install(self) -> None:
        if os.geteuid() == 0:
            shutil.chown(self.directory, "mysql", "mysql")
        run(
            [
                program("mariadb-install-db"),
                "--no-defaults",
                *self.options(),
                f"--datadir={self.directory / 'data'}",
                f"--tmpdir={self.directory}",  # one that starts empties it of temporary tables
                f"--auth-root-socket-user={self.administrator}",
                "--skip-test-db",
            ]
        )

    def command(self, name: str) -> list[str]:
        return [program(NAMES[name])]

    def options(self) -> list[str]:
        return ["--user=mysql"] if os.geteuid() == 0 else []

    def set_root_password(self, password: str) -> None:
        """Beside the socket, which goes on to let the administrator in."""
        self.execute(
            "CREATE USER IF NOT EXISTS root@localhost;"
            "ALTER USER root@localhost IDENTIFIED VIA unix_socket OR mysql_native_password "
            f"USING PASSWORD('{password}');"
            "GRANT ALL ON *.* TO root@localhost WITH GRANT OPTION;"
        )
