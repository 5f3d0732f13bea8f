"""The database has no room left: nothing is half posted, and with room again it goes on."""

import os
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from bench.servers.engines import private_database
from bench.servers.process import ServerError, run
from tests.e2e.world import STANDARD, assert_reconciled, manage, migrate, register
from tests.servers import LedgerServer

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")

MEGABYTES = 900 if STANDARD else 12  # an empty MySQL takes 600
BATCHES = 60


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    try:
        run(["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m,mode=755", "tmpfs", str(tmp_path)])
    except ServerError as error:
        pytest.skip(f"a container that may not mount: {error}")
    for above in tmp_path.parents:  # the database's user has to get there
        if str(above).startswith(f"{tempfile.gettempdir()}/"):
            above.chmod(0o755)
    yield tmp_path
    run(["umount", str(tmp_path)])


@pytest.fixture
def env(disk: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, str]]:
    """Books on the small disk."""
    common = {"APP_ENV": "test", "RATELIMIT_ENABLE": "false", "SELF_SERVICE_FUNDING": "true"}
    if not STANDARD:
        made = {**common, "DB_HOST": "", "REDIS_HOST": "", "SQLITE_PATH": str(disk / "books")}
        migrate(made)
        yield made
        return
    with monkeypatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(disk))
        database = private_database()
        database.start()
    try:
        made = {**common, **database.env, "WEB_CONCURRENCY": "1"}
        migrate(made)
        yield made
    finally:
        database.stop()


def fill(disk: Path) -> Path:
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(65536)):
            pass
    return ballast


def test_disk_full_half_posts_nothing(disk: Path, env: Mapping[str, str]) -> None:
    with LedgerServer(env) as server:
        alice, bob = register(server, "100000.00"), register(server)
        item = {"type": "transfer", "to_user_id": bob.id, "amount": "0.01", "reference": "x" * 100}
        item["description"] = "y" * 255
        batch: dict[str, Any] = {"mode": "atomic", "transactions": [item] * 300}
        ballast = fill(disk)
        statuses: dict[str, int] = {}
        while set(statuses.values()) <= {200}:
            assert len(statuses) < BATCHES, "the disk is never full"
            key = uuid.uuid4().hex
            answer = alice.post("transactions/batch", batch, key)
            statuses[key] = answer.status_code
            assert answer.status_code in (200, 503), answer.text[:500]
        assert manage(env, "check").returncode == 0
        ballast.unlink()
        for key in statuses:
            again = alice.post("transactions/batch", batch, key)
            assert again.status_code == 200, again.text
        assert bob.amount() == f"{3 * len(statuses)}.00"
    assert_reconciled(env)
