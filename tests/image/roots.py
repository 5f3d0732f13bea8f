"""Root directories in which commands run as they would in a container."""

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from bench.servers.packages import program
from bench.servers.roots import debian_root

# What python:*-slim-bookworm has beside Debian itself.
PACKAGES = ("python3", "python3-dev", "python3-venv", "ca-certificates", "netbase", "tzdata")

# How this machine reaches its package mirrors.
MIRRORS = (
    Path("/etc/apt/sources.list"),
    Path("/etc/apt/sources.list.d"),
    Path("/etc/pip.conf"),
    Path("/etc/resolv.conf"),
    Path("/etc/ssl/certs/ca-certificates.crt"),
)

# Mounts for this command alone, which end with it. $1 is the root; "contained" makes it read-only
# but for what docker-compose.yml gives the service.
ENTER = """
root=$1 contained=$2; shift 2
[ "$contained" = no ] || mount --bind "$root" "$root"
mount -t proc proc "$root/proc"
mount --rbind /dev "$root/dev"
if [ "$contained" = contained ]; then
  mount -t tmpfs none "$root/dev/shm"
  mount -t tmpfs none "$root/tmp"
  mount -o remount,bind,ro "$root"
fi
exec chroot "$root" "$@"
"""
WITHOUT_ROOT = ["--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]


@dataclass
class Root:
    path: Path
    cwd: str = "/"
    user: str = "0:0"
    env: dict[str, str] = field(
        default_factory=lambda: {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
        }
    )

    @classmethod
    def copy_of(cls, base: Path, path: Path) -> Self:
        subprocess.run([program("cp"), "--archive", str(base), str(path)], check=True)
        return cls(path)

    def host(self, path: str) -> Path:
        """Where an absolute path of this root is on the host."""
        return self.path / path.lstrip("/")

    def command(self, words: Sequence[str], *, contained: bool = False) -> list[str]:
        uid, gid = self.user.split(":")
        identity = [
            f"--reuid={uid}",
            f"--regid={gid}",
            *(WITHOUT_ROOT if contained else ["--clear-groups"]),
        ]
        return [
            *("unshare", "--mount", "--pid", "--fork", "--kill-child"),
            *("/bin/sh", "-ec", ENTER, "enter", str(self.path), "contained" if contained else "no"),
            *("setpriv", *identity, "env", "--ignore-environment", f"--chdir={self.cwd}"),
            *(f"{name}={value}" for name, value in self.env.items()),
            *words,
        ]

    def run(self, words: Sequence[str], *, contained: bool = False) -> None:
        """Exits with what it printed when it fails."""
        finished = subprocess.run(
            self.command(words, contained=contained),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if finished.returncode != 0:
            raise SystemExit(f"{' '.join(words)} failed:\n{finished.stdout}")


def base_root(cache: Path) -> Path:
    """Debian and Python, as the base image has them; kept for the next time."""
    return debian_root(cache, "bookworm", PACKAGES, _furnish)


def _furnish(root: Path) -> None:
    for source in MIRRORS:
        _take_over(source, root)
    (root / "usr/local/bin/python").symlink_to("/usr/bin/python3")


def _take_over(source: Path, root: Path) -> None:
    target = root / source.relative_to("/")
    if source.is_dir():
        shutil.copytree(source, target, dirs_exist_ok=True)
    elif source.exists():
        shutil.copy2(source.resolve(), target)


def megabytes(directory: Path) -> int:
    command = [program("du"), "--summarize", "--block-size=1M", str(directory)]
    return int(
        subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[0]
    )
