"""What the image does, done in a clean folder: its files collected, served and probed in
production, ended by SIGTERM. `make image-steps` does the rest of it, in a root of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from bench.servers.process import ServerError
from tests.concurrency import eventually
from tests.e2e.test_production import GOOD
from tests.e2e.world import STANDARD, environment
from tests.image.dockerfile import send_context, stages
from tests.servers import LedgerServer

BUILD, SHIPPED = stages()
pytestmark = pytest.mark.skipif(not STANDARD, reason="the image is for MySQL and Redis")
PYTHON = str(Path(sys.executable).parent)  # stands for the image's /opt/venv/bin


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's /app: the context, after the last RUN of the first stage."""
    directory = tmp_path_factory.mktemp("image") / "app"
    send_context(directory)
    command = BUILD.last("RUN").rest.replace("/opt/venv/bin", PYTHON)
    bare = {"PATH": os.environ["PATH"], "DB_HOST": "", "REDIS_HOST": ""}
    subprocess.run(["/bin/sh", "-ec", command], cwd=directory, env=bare, check=True)
    return directory


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    """The image's environment, and what its operator sets: a database and secrets."""
    fixed = {name: value for name, value in SHIPPED.env.items() if not name.startswith("PATH")}
    with environment("image", tmp_path_factory.mktemp("image-books")) as books:
        yield {**fixed, **books, **GOOD, "ALLOWED_HOSTS": ".example.com", "APP_HOST": "127.0.0.1"}


class Container(LedgerServer):
    """The CMD of the image, ready when its HEALTHCHECK says so."""

    def __init__(self, app: Path, env: Mapping[str, str]) -> None:
        path = f"{PYTHON}:{os.environ['PATH']}"
        super().__init__({**env, "PATH": path})
        self.command = SHIPPED.last("CMD").exec_form
        self.cwd = app

    def probe(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            SHIPPED.last("HEALTHCHECK").exec_form,
            cwd=self.cwd,
            env=self.env,
            capture_output=True,
            text=True,
            check=False,
        )

    def answers(self) -> bool:
        return self.probe().returncode == 0


@pytest.fixture(scope="module")
def container(app: Path, env: Mapping[str, str]) -> Iterator[Container]:
    with Container(app, env) as running:
        yield running


def get(container: Container, path: str, **headers: str) -> httpx.Response:
    return httpx.get(
        f"{container.url}{path}", headers={"Host": "pay.example.com", **headers}, timeout=10
    )


def test_probe_tells_a_server_that_is_ready_from_one_that_is_not(
    container: Container, app: Path, env: Mapping[str, str]
) -> None:
    assert container.probe().returncode == 0
    nobody = Container(app, env)  # never started
    assert nobody.probe().returncode == 1
    assert "no answer" in nobody.probe().stderr


def test_pages_name_collected_files_that_may_be_kept_for_ever(container: Container) -> None:
    page = get(container, "/api/docs").text
    bundle = next(part for part in page.split('"') if part.endswith(".js"))
    assert bundle.startswith("/static/")
    answer = get(container, bundle, **{"Accept-Encoding": "gzip"})
    assert answer.status_code == 200
    assert answer.headers["Content-Encoding"] == "gzip"
    assert "immutable" in answer.headers["Cache-Control"]
    assert get(container, "/static/ledgerlink/favicon.svg").status_code == 200
    assert "var" not in {path.name for path in container.cwd.iterdir()}


def test_files_that_were_not_collected_are_missed_at_the_start(
    app: Path, env: Mapping[str, str]
) -> None:
    with (
        pytest.raises(ServerError, match="collectstatic"),
        Container(app, {**env, "STATIC_ROOT": "elsewhere"}),
    ):
        pass


def test_proxy_that_ends_tls_is_believed(app: Path, env: Mapping[str, str]) -> None:
    with Container(app, {**env, "SECURE_SSL_REDIRECT": "true"}) as container:
        plain = get(container, "/api/v1/health")
        assert plain.headers["Location"] == "https://pay.example.com/api/v1/health"
        secure = get(container, "/api/v1/health", **{"X-Forwarded-Proto": "https"})
        assert secure.status_code == 200
        assert "Strict-Transport-Security" in secure.headers


def test_scheduler_is_alive_once_a_command_succeeded(
    app: Path, env: Mapping[str, str], tmp_path: Path
) -> None:
    heartbeat = tmp_path / "alive"
    probe = [sys.executable, "config/probe.py", str(heartbeat), "180"]
    assert subprocess.run(probe, cwd=app, capture_output=True, check=False).returncode == 1
    command = [sys.executable, "manage.py", "run_scheduler", "--heartbeat", str(heartbeat)]
    with subprocess.Popen(command, cwd=app, env={**os.environ, **env}) as scheduler:
        try:
            eventually(heartbeat.exists)
            subprocess.run(probe, cwd=app, check=True)
        finally:
            scheduler.terminate()
        assert scheduler.wait(30) == 0
