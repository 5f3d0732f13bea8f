"""Oracle's MySQL, which Debian has in sid alone: it runs in a root directory of its own."""

from bench.servers.database import DatabaseServer
from bench.servers.packages import program
from bench.servers.process import REPOSITORY, run
from bench.servers.roots import debian_root

CACHE = REPOSITORY / "build" / "mysql-root"
CONFIG = REPOSITORY / "config" / "mysql"
PACKAGES = ("mysql-server-core", "mysql-client-core", "tzdata")

# $1 is the root; the directories before -- are seen in it where they are outside. The mounts are
# this command's alone and end with it; mysqld takes its place and so has its process id.
ENTER = """
root=$1; shift
mount -t tmpfs none "$root/tmp"
while [ "$1" != -- ]; do
  mkdir -p "$root$1"
  mount --bind "$1" "$root$1"
  shift
done
shift
exec chroot "$root" "$@"
"""


class MySQL(DatabaseServer):
    """It runs as root, of which only its own directory and its configuration are in its reach."""

    defaults = f"--defaults-file={CONFIG / 'ledgerlink.cnf'}"
    administrator = "keeper"

    def prepare(self) -> None:
        debian_root(CACHE, "sid", PACKAGES)

    def install(self) -> None:
        first = self.directory / "first.sql"
        first.write_text(
            f"CREATE USER {self.administrator}@localhost;\n"
            f"GRANT ALL ON *.* TO {self.administrator}@localhost WITH GRANT OPTION;\n"
        )
        run(
            [
                *self.command("mysqld"),
                "--no-defaults",
                "--user=root",
                "--initialize-insecure",
                f"--init-file={first}",
                f"--datadir={self.directory / 'data'}",
                f"--tmpdir={self.directory}",
            ]
        )

    def command(self, name: str) -> list[str]:
        directory = "/usr/sbin" if name == "mysqld" else "/usr/bin"
        return [
            *(program("unshare"), "--mount", "/bin/sh", "-ec", ENTER, "enter"),
            *(str(CACHE), str(self.directory), str(CONFIG), "--"),
            f"{directory}/{name}",
        ]

    def options(self) -> list[str]:
        return ["--user=root", "--secure-file-priv=NULL", "--mysqlx=OFF"]

    def set_root_password(self, password: str) -> None:
        self.execute(f"ALTER USER root@localhost IDENTIFIED BY '{password}'")
