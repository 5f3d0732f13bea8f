"""What the image is, read from the Dockerfile: small, without root, and whole."""

import re
import tomllib

from bench.servers.process import REPOSITORY
from tests.image.dockerfile import is_ignored, stages

BUILD, SHIPPED = stages()


def test_base_is_pinned_and_of_the_python_that_mypy_checks_for() -> None:
    """The oldest that is supported; the suite may run on a newer one."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    minor = project["tool"]["mypy"]["python_version"]
    assert project["project"]["requires-python"] == f">={minor}"
    assert BUILD.base == SHIPPED.base
    assert re.fullmatch(rf"python:{re.escape(minor)}\.\d+-slim-bookworm", SHIPPED.base)


def test_what_is_shipped_runs_without_root_and_is_probed() -> None:
    assert SHIPPED.last("USER").rest == "10001:10001"
    assert SHIPPED.steps.index(SHIPPED.last("USER")) > SHIPPED.steps.index(SHIPPED.last("COPY"))
    assert SHIPPED.last("HEALTHCHECK").exec_form == ["python", "config/probe.py"]
    assert SHIPPED.last("CMD").exec_form[0] == "gunicorn"  # no shell that would keep SIGTERM
    assert SHIPPED.env["APP_ENV"] == "production"


def test_compiler_stays_behind() -> None:
    assert "gcc" in BUILD.last("RUN").rest or any("gcc" in step.rest for step in BUILD.all("RUN"))
    assert not any("gcc" in step.rest for step in SHIPPED.all("RUN"))
    assert [step.flags for step in SHIPPED.all("COPY")] == [{"from": "build"}] * 2


def test_no_secret_test_or_data_gets_into_the_image() -> None:
    for name in (
        ".env",
        ".git/config",
        ".venv/bin/python",
        "var/ledgerlink.sqlite3",
        "var/development-jwt_secret",
        "tests/conftest.py",
        "docs/api.md",
        "users/__pycache__/models.cpython-311.pyc",
        "config/mysql/init/users.sh",
    ):
        assert is_ignored(name), name


def test_everything_that_the_application_needs_gets_into_the_image() -> None:
    packages = [path.parent.name for path in REPOSITORY.glob("*/__init__.py")]
    needed = set(packages) - {"bench", "tests"}
    assert needed >= {"audit", "balances", "ledgerlink", "transactions", "users"}
    for name in (
        "manage.py",
        "requirements-lock.txt",
        "config/gunicorn.conf.py",
        "templates/api/redoc.html",
        "ledgerlink/static/ledgerlink/admin.css",
        *(f"{package}/__init__.py" for package in needed),
    ):
        assert (REPOSITORY / name).is_file()
        assert not is_ignored(name), name
