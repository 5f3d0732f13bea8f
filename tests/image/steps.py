"""Builds and runs the image where no container engine is at hand: `make image-steps`, as root.

Each stage of the Dockerfile is a root directory of its own, made by debootstrap in place of the
base image, in which its steps are carried out. Then the result is run as docker-compose.yml runs
it: read-only, as its user, without a capability, as process 1, on a real MariaDB and Redis.
"""

import json
import os
import secrets
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath

from bench.servers.mariadb import MariaDB
from bench.servers.packages import program
from bench.servers.process import REPOSITORY, Server
from bench.servers.redis import Redis
from tests.image.dockerfile import Stage, Step, send_context, stages
from tests.image.roots import Root, base_root, megabytes


def build(stage: Stage, root: Root, context: Path, built: Mapping[str, Root]) -> None:
    """Carry out the steps of a stage in `root`."""
    for step in stage.steps:
        started = time.monotonic()
        match step.word:
            case "RUN":
                root.run(["/bin/sh", "-c", step.rest])
            case "COPY":
                source = built[step.flags["from"]].path if "from" in step.flags else context
                _copy(step, source, root)
            case "WORKDIR":
                root.cwd = step.rest
                root.host(step.rest).mkdir(parents=True, exist_ok=True)
            case "ENV":
                for word in shlex.split(step.rest):
                    name, _, value = word.partition("=")
                    root.env[name] = value.replace("$PATH", root.env["PATH"])
            case "USER":
                root.user = step.rest
            case "EXPOSE" | "HEALTHCHECK" | "STOPSIGNAL" | "CMD":
                pass  # they say how it is run
            case _:
                raise NotImplementedError(step.word)
        shown = f"{step.word} {step.rest}"
        print(f"  {time.monotonic() - started:6.1f} s  {shown[:90]}", flush=True)


def _copy(step: Step, source: Path, root: Root) -> None:
    """A folder is copied for what it holds, into a folder that is there already."""
    *names, last = shlex.split(step.rest)
    target = root.host(str(PurePosixPath(root.cwd, last)))
    target.mkdir(parents=True, exist_ok=True)
    for name in names:
        found = source / name.lstrip("/")
        assert found.exists(), f"{name} is not there to be copied"
        content = f"{found}/." if found.is_dir() else str(found)
        subprocess.run([program("cp"), "--archive", content, str(target)], check=True)


class Container(Server):
    """The CMD of the last stage, or another command, in a read-only root."""

    def __init__(self, root: Root, stage: Stage, env: Mapping[str, str]) -> None:
        super().__init__()
        self.root = root
        self.stage = stage
        self.root.env |= {**env, "APP_HOST": "127.0.0.1", "APP_PORT": str(self.port)}

    def start(self) -> None:
        self.make_directory()
        command = self.root.command(self.stage.last("CMD").exec_form, contained=True)
        self.launch(command, self._is_healthy)

    def _is_healthy(self) -> bool:
        probe = self.stage.last("HEALTHCHECK").exec_form
        command = self.root.command(probe, contained=True)
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def end(self) -> float:
        """Send SIGTERM to its process 1; the seconds that it took to end."""
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        started = time.monotonic()
        os.kill(int(children[0]), signal.SIGTERM)
        while self.is_running():
            assert time.monotonic() < started + 30, "it does not end"
            time.sleep(0.05)
        return time.monotonic() - started


def try_out(root: Root, stage: Stage) -> None:
    """Migrate, serve, probe, fetch a collected file, and end."""
    with MariaDB() as mariadb, Redis() as redis:
        made = {name: secrets.token_urlsafe(48) for name in ("SECRET_KEY", "JWT_SECRET")}
        env = {**mariadb.env, **redis.env, **made, "ALLOWED_HOSTS": "pay.example.com"}
        container = Container(root, stage, {**env, "WEB_CONCURRENCY": "2"})
        root.run(["python", "manage.py", "migrate", "--verbosity", "0"], contained=True)
        root.run(["python", "manage.py", "reconcile"], contained=True)
        with container:
            print("  healthy, read-only, without capabilities, as user", root.user)
            static = json.loads(root.host("/app/static/staticfiles.json").read_text())
            name = static["paths"]["ledgerlink/admin.css"]
            request = urllib.request.Request(
                f"http://127.0.0.1:{container.port}/static/{name}",
                headers={"Host": "pay.example.com"},
            )
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
                print(f"  /static/{name}: {answer.status}, {answer.headers['Cache-Control']}")
            print(f"  ended {container.end():.1f} s after SIGTERM")


def main(arguments: Sequence[str]) -> int:
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        sys.exit("This needs root on Linux: it makes mounts and changes roots.")
    cache = REPOSITORY / "build" / "image-base"
    base = base_root(cache)
    with tempfile.TemporaryDirectory(prefix="ledger-image-") as place:
        directory = Path(place)
        directory.chmod(0o755)
        context = directory / "context"
        send_context(context)
        built: dict[str, Root] = {}
        for stage in stages():
            print(f"Stage {stage.name}, from {stage.base}")
            root = Root.copy_of(base, directory / stage.name)
            build(stage, root, context, built)
            built[stage.name] = root
        size = megabytes(root.path) - megabytes(base)
        print(f"It adds {size} MB to its base.")
        try_out(root, stage)
    print("The image does what it should.")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
