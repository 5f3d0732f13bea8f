"""docs/api.md is run as it is written, and so is the client that was written from it alone."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path

import pytest

from bench.servers.process import REPOSITORY
from tests.e2e.world import assert_reconciled, environment, manage
from tests.servers import LedgerServer

PAGE = (REPOSITORY / "docs" / "api.md").read_text()


@pytest.fixture(scope="module")
def demo_env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    with environment("apidocs", tmp_path_factory.mktemp("apidocs")) as made:
        finished = manage(made, "seed_demo")
        assert finished.returncode == 0, finished.stderr
        yield made
        assert_reconciled(made)


@pytest.fixture(scope="module")
def demo_server(demo_env: Mapping[str, str]) -> Iterator[LedgerServer]:
    with LedgerServer(demo_env) as running:
        yield running


def recipes(language: str) -> str:
    part = re.search(r"<!-- recipes: begin -->(.*)<!-- recipes: end -->", PAGE, re.DOTALL)
    assert part is not None
    return "\n".join(re.findall(rf"```{language}\n(.*?)```", part[1], re.DOTALL))


def run(command: Sequence[str], server: LedgerServer, directory: Path) -> str:
    finished = subprocess.run(
        command,
        cwd=REPOSITORY,
        env={**os.environ, "API": f"{server.url}/api/v1", "TMPDIR": str(directory)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


def test_curl_recipes_do_what_they_say(demo_server: LedgerServer, tmp_path: Path) -> None:
    command = ["/usr/bin/env", "bash", "-euo", "pipefail", "-c", recipes("sh")]
    output = run(command, demo_server, tmp_path)
    answers = [json.loads(line) for line in output.splitlines() if line.startswith("{")]
    (
        deposit, payment, held, captured, cancelled, refund, batch, tried, guarded,
        approved, approvals, current, past, history, listed, old_statement, trail, failures,
    ) = answers  # fmt: skip
    assert [deposit["amount"], payment["amount"]] == ["500.00", "20.00"]
    assert held["held"] == "80.00"
    assert (captured["status"], captured["amount"]) == ("completed", "55.00")
    assert cancelled["status"] == "cancelled"
    assert (refund["type"], refund["reverses"]) == ("reversal", captured["id"])
    assert [result["status"] for result in batch["results"]] == [201, 201]
    assert (tried["id"], tried["dry_run"]) == (None, True)
    assert guarded["status"] == "completed"
    assert "own_request" in output.splitlines()
    assert (approved["status"], approved["comment"]) == ("approved", "Seen the ticket")
    assert approvals["results"] == [approved]
    assert {balance["currency"] for balance in current["balances"]} == {"EUR", "USD"}
    assert past.keys() == {"currency", "amount", "entry_version", "at"}
    assert len(history["results"]) == len(listed["results"]) == 2
    assert old_statement["entries"] == []
    actions = [record["action"] for record in trail["results"]]
    assert actions == ["transaction.captured", "transaction.pending"]
    assert failures["results"] == []
    assert (tmp_path / "statement.csv").read_text().startswith("created_at,")
    assert (tmp_path / "statement.pdf").read_bytes().startswith(b"%PDF")


def test_python_recipes_do_what_they_say(demo_server: LedgerServer, tmp_path: Path) -> None:
    run([sys.executable, "-c", recipes("python")], demo_server, tmp_path)


def test_example_client_lives_the_life_of_money(demo_server: LedgerServer, tmp_path: Path) -> None:
    script = REPOSITORY / "docs" / "examples" / "life_of_money.py"
    output = run([sys.executable, str(script), demo_server.url], demo_server, tmp_path)
    assert "funded: 200.00 USD" in output
    assert "captured: 90.00" in output
    assert "refunded: 25.00 of 90.00" in output
    assert "paid at once: ['1.00', '2.50']" in output
    assert "refused: insufficient_funds" in output
    balances = re.search(r"balance: (\S+) before, (\S+) after", output)
    assert balances is not None
    assert Decimal(balances[1]) - Decimal(balances[2]) == Decimal("68.50")
    assert f"closing: {balances[2]}" in output
    assert output.splitlines()[-2].endswith("alice: transaction.pending")
    assert output.splitlines()[-1].endswith("bob: transaction.captured")
