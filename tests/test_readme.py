"""The README is run as it is written: `make run`, then its walk-through in another terminal."""

import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from bench.servers.process import REPOSITORY
from tests.compose.stack import interpolated
from tests.databases import own_database
from tests.servers import LedgerServer

README = (REPOSITORY / "README.md").read_text()


class MakeRun(LedgerServer):
    """The server as `make run` starts it."""

    command = ("make", "run")


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[Mapping[str, str]]:
    with own_database("readme", tmp_path) as env:
        yield env


def walk_through() -> str:
    part = re.search(
        r"<!-- walk-through: begin -->(.*)<!-- walk-through: end -->", README, re.DOTALL
    )
    assert part is not None
    return "\n".join(re.findall(r"```sh\n(.*?)```", part[1], re.DOTALL))


def run_walk_through(url: str, env: Mapping[str, str]) -> str:
    finished = subprocess.run(
        ["/usr/bin/env", "bash", "-euo", "pipefail", "-c", walk_through()],
        cwd=REPOSITORY,
        env={**os.environ, **env, "API": f"{url}/api/v1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_readme_walk_through_passes_against_make_run(environment: Mapping[str, str]) -> None:
    with MakeRun(environment) as server:
        output = run_walk_through(server.url, environment)
        again = run_walk_through(server.url, environment)
    answers = [json.loads(line) for line in re.findall(r"^\{.*\}$", output, re.MULTILINE)]
    deposit, transfer, balance, history, transactions = answers
    assert deposit["amount"] == "100.50"
    assert transfer["from_user"]["username"] == "alice"
    assert transfer["to_user"]["username"] == "bob"
    assert "replayed, not repeated" in output
    assert "insufficient_funds" in output
    assert balance == transfer["balance"]
    assert history["results"][0]["after"] == balance["amount"]
    assert [row["status"] for row in transactions["results"]] == ["failed", "completed"]
    # The key was used: a second walk through the same door moves the deposit only.
    assert json.dumps(transfer["id"]) in again


def listed_variables() -> set[str]:
    example = (REPOSITORY / ".env.example").read_text()
    return set(re.findall(r"^#?([A-Z][A-Z0-9_]+)=", example, re.MULTILINE))


def test_readme_names_only_variables_that_exist() -> None:
    listed = listed_variables()
    table = README.split("## Configuration")[1].split("## Where to start")[0]
    named = set(re.findall(r"`([A-Z][A-Z_]{3,})`", table))
    assert named - listed == set()


def test_env_example_lists_every_variable_that_is_read() -> None:
    listed = listed_variables()
    sources = [
        *(REPOSITORY / "ledgerlink").glob("*.py"),
        REPOSITORY / "config" / "gunicorn.conf.py",
    ]
    read = {
        name
        for source in sources
        for name in re.findall(
            r"""\b(?:text|number|share|flag|items|rates|secret_from)\(\s*["']([A-Z0-9_]+)["']""",
            source.read_text(),
        )
    }
    assert read | interpolated() == listed


def test_links_of_the_documents_lead_somewhere() -> None:
    for document in [REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\((?!http)([^)#]+)\)", document.read_text()):
            assert (document.parent / target).exists(), f"{document.name}: {target}"
