"""Finds the system programs and headers the tests need; installs them on Debian when root.

Standard library only: `python3 -m bench.servers.packages mysql-headers` runs before the virtual
environment holds anything.
"""

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SYSTEM_PATH = os.pathsep.join(
    [os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin", "/opt/homebrew/bin"]
)


class MissingSystemPackageError(RuntimeError):
    """A program is not on this machine and may not be installed by this user."""


@dataclass(frozen=True)
class Requirement:
    """Something the package manager provides: it is there when all its parts are.

    Of `libraries`, names known to pkg-config, any one will do.
    """

    purpose: str
    programs: tuple[str, ...]
    debian: tuple[str, ...]
    homebrew: tuple[str, ...]
    files: tuple[Path, ...] = ()
    libraries: tuple[str, ...] = ()

    def is_met(self) -> bool:
        """Whether programs (also in /usr/sbin), files and one of the libraries are there."""
        return (
            all(shutil.which(name, path=SYSTEM_PATH) for name in self.programs)
            and all(path.exists() for path in self.files)
            and (not self.libraries or any(map(_pkg_config_knows, self.libraries)))
        )

    def ensure(self) -> None:
        """Install what is missing when that is possible, else say exactly what to install.

        Raises MissingSystemPackageError.
        """
        if self.is_met():
            return
        if os.geteuid() == 0 and shutil.which("apt-get"):
            with _alone():
                if not self.is_met():
                    _apt_update()
                    _apt_get("install", "--yes", "--no-install-recommends", *self.debian)
            if self.is_met():
                return
        message = (
            f"{self.purpose} needs {', '.join((*self.programs, *self.libraries[:1]))}. "
            f"Debian/Ubuntu: sudo apt-get install {' '.join(self.debian)}. "
            f"macOS: brew install {' '.join(self.homebrew)}."
        )
        raise MissingSystemPackageError(message)


MYSQL_HEADERS = Requirement(
    purpose="Compiling mysqlclient",
    programs=("pkg-config", "cc"),
    files=(Path(sysconfig.get_path("include"), "Python.h"),),
    libraries=("mysqlclient", "mariadb", "libmariadb", "perconaserverclient"),
    debian=("default-libmysqlclient-dev", "pkg-config", "gcc", "libc6-dev", "python3-dev"),
    homebrew=("mariadb", "pkg-config"),
)
MARIADB = Requirement(
    purpose="The suite on MariaDB",
    programs=("mariadbd", "mariadb-install-db", "mariadb", "mariadb-tzinfo-to-sql"),
    debian=("mariadb-server", "tzdata"),
    homebrew=("mariadb",),
)
REDIS = Requirement(
    purpose="The suite on Redis",
    programs=("redis-server",),
    debian=("redis-server",),
    homebrew=("redis",),
)
PROMETHEUS = Requirement(
    purpose="The proof of alerts and dashboards",
    programs=("prometheus", "promtool"),
    debian=("prometheus",),
    homebrew=("prometheus",),
)
CHROMIUM = Requirement(
    purpose="The back-office in a real browser",
    programs=("chromium",),
    debian=("chromium",),
    homebrew=("--cask", "chromium"),
)
NPM = Requirement(
    purpose="Checking dashboards against Grafana's schema",
    programs=("node", "npm"),
    debian=("nodejs", "npm"),
    homebrew=("node",),
)
DEBOOTSTRAP = Requirement(
    purpose="A root directory of its own, on Linux alone,",
    programs=("debootstrap", "unshare", "setpriv"),
    debian=("debootstrap", "debian-archive-keyring", "util-linux"),
    homebrew=(),
)
WRK = Requirement(
    purpose="Driving a server with load",
    programs=("wrk",),
    debian=("wrk",),
    homebrew=("wrk",),
)


def program(name: str) -> str:
    """Absolute path of a system program; raises MissingSystemPackageError."""
    found = shutil.which(name, path=SYSTEM_PATH)
    if found is None:
        message = f"{name} is not on the search path {SYSTEM_PATH}"
        raise MissingSystemPackageError(message)
    return found


def _pkg_config_knows(library: str) -> bool:
    command = [program("pkg-config"), "--exists", library]
    return subprocess.run(command, check=False).returncode == 0


@contextmanager
def _alone() -> Iterator[None]:
    """While no other run of the tests installs anything: apt-get does not wait for another."""
    folder = os.open("/var/lib/dpkg", os.O_RDONLY)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


@cache
def _apt_update() -> None:
    _apt_get("update")


def _apt_get(*arguments: str) -> None:
    """Run apt-get without questions; what it prints is shown only when it fails."""
    sys.stderr.write(f"apt-get {' '.join(arguments)}\n")
    finished = subprocess.run(
        [program("apt-get"), "--quiet", *arguments],
        env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if finished.returncode != 0:
        sys.stderr.write(finished.stdout)


def main() -> int:
    """Install the compiler and headers of mysqlclient; exit 1 with the remedy when it cannot."""
    if sys.argv[1:] != ["mysql-headers"]:
        sys.stderr.write("usage: python -m bench.servers.packages mysql-headers\n")
        return 2
    try:
        MYSQL_HEADERS.ensure()
    except MissingSystemPackageError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
