"""Requests that nobody would think of, made by schemathesis from the OpenAPI document, against a
real server: no 500, no status, header or body that is not in the document, no bad input accepted.

FUZZ_SECONDS is for how long, for each caller (`make fuzz` gives it many).
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from bench.servers.process import REPOSITORY
from tests.e2e.world import assert_reconciled, environment
from tests.servers import LedgerServer

SECONDS = int(os.environ.get("FUZZ_SECONDS", "10"))
# The bounded run asks the same each time, so that it tells of a change; `make fuzz` explores.
SEED = [] if "FUZZ_SECONDS" in os.environ else ["--seed=1"]

# Those who ask have high ids, so that the requests are about others; 1 to 9 are in the examples.
_PEOPLE = """
import django
django.setup()
from rest_framework_simplejwt.settings import api_settings
from tests.books import fund, make_user
from users.roles import Role
from users.tokens import issue
for number in range(1, 10):
    fund(make_user(f"user{number}", pk=number), "1000000.00")
api_settings.ACCESS_TOKEN_LIFETIME = api_settings.REFRESH_TOKEN_LIFETIME
for pk, role in ((7001, Role.ADMIN), (7002, Role.USER)):
    user = make_user(f"the-{role}", role, pk=pk)
    fund(user, "1000000.00")
    print(role, issue(user).access)
"""


@pytest.fixture(scope="module")
def own_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    with environment("openapi", tmp_path_factory.mktemp("openapi")) as made:
        yield made
        assert_reconciled(made)


@pytest.fixture(scope="module")
def own_server(own_env: Mapping[str, str]) -> Iterator[LedgerServer]:
    with LedgerServer(own_env) as running:
        yield running


@pytest.fixture(scope="module")
def tokens(own_env: Mapping[str, str]) -> dict[str, str]:
    """An access token of each role, which lasts as long as the requests may."""
    finished = subprocess.run(
        [sys.executable, "-c", _PEOPLE],
        cwd=REPOSITORY,
        env={**os.environ, **own_env, "DJANGO_SETTINGS_MODULE": "ledgerlink.settings"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stderr
    return dict(line.split() for line in finished.stdout.splitlines())


@pytest.fixture(scope="module")
def closed_document(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The document, with answers that hold nothing that it does not name."""
    document = yaml.safe_load((REPOSITORY / "docs" / "openapi.yaml").read_text())
    for schema in document["components"]["schemas"].values():
        _close(schema)
    path = tmp_path_factory.mktemp("document") / "openapi.yaml"
    path.write_text(yaml.safe_dump(document))
    return path


def _close(schema: Any) -> None:
    if isinstance(schema, list):
        for inner in schema:
            _close(inner)
    elif isinstance(schema, dict):
        if "properties" in schema:
            schema.setdefault("additionalProperties", False)
        for inner in schema.values():
            _close(inner)


@pytest.mark.timeout(SECONDS + 100)
@pytest.mark.parametrize("role", ["admin", "user"])
def test_answers_are_as_documented_whatever_is_asked(
    own_server: LedgerServer,
    tokens: dict[str, str],
    closed_document: Path,
    tmp_path: Path,
    role: str,
) -> None:
    finished = subprocess.run(
        [
            str(Path(sys.executable).with_name("schemathesis")),
            "run",
            str(closed_document),
            f"--url={own_server.url}",
            f"--header=Authorization: Bearer {tokens[role]}",
            "--checks=all",
            "--exclude-checks=positive_data_acceptance",  # ours is sharper
            f"--max-time={SECONDS}",
            "--warnings=off",
            "--generation-database=none",
            "--no-color",
            *SEED,
        ],
        cwd=tmp_path,
        env={**os.environ, "SCHEMATHESIS_HOOKS": str(REPOSITORY / "tests/fuzz/checks.py")},
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS + 90,
    )
    print(finished.stdout[-400:])
    assert finished.returncode == 0, finished.stdout[-20_000:] + finished.stderr
