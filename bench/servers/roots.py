"""A Debian of its own in a directory, for what is to run apart from this machine's packages."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.servers.packages import DEBOOTSTRAP, MissingSystemPackageError, program
from bench.servers.process import run


def debian_root(
    cache: Path, suite: str, packages: Sequence[str], finish: Callable[[Path], None] | None = None
) -> Path:
    """The root directory `cache`: a suite's smallest system with `packages`.

    Made once, from the mirror that apt uses here, and kept for the next time; `finish` adds to a
    new one. Raises MissingSystemPackageError and ServerError.
    """
    if cache.exists():
        return cache
    if os.geteuid() != 0 or sys.platform != "linux":
        message = f"Debian {suite} in a directory of its own needs root on Linux."
        raise MissingSystemPackageError(message)
    DEBOOTSTRAP.ensure()
    fresh = cache.with_name(f"{cache.name}.{os.getpid()}")
    fresh.parent.mkdir(parents=True, exist_ok=True)
    try:
        run(  # what it mounts is its own, and ends with it
            [
                *(program("unshare"), "--mount"),
                program("debootstrap"),
                "--variant=minbase",
                f"--include={','.join(packages)}",
                suite,
                str(fresh),
                *_mirror(),
            ]
        )
        if finish is not None:
            finish(fresh)
        fresh.rename(cache)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return cache


def _mirror() -> list[str]:
    """Where apt has Debian from; empty when it has none, and debootstrap asks Debian's own."""
    command = [program("apt-get"), "indextargets", "--format", "$(REPO_URI)", "Label: Debian"]
    finished = subprocess.run(command, capture_output=True, text=True, check=False)
    return finished.stdout.split()[:1]
