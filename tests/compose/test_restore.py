"""The drill of docs/operations.md: back up, lose, restore, prove. `make restore-drill` shows it."""

import time
from pathlib import Path

import pytest

from bench.servers.database import DatabaseServer
from bench.servers.process import REPOSITORY
from tests.compose.containers import Containers
from tests.concurrency import eventually
from tests.e2e.world import STANDARD, assert_reconciled, manage, register
from tests.faults.storm import storm
from tests.servers import LedgerServer

pytestmark = pytest.mark.skipif(not STANDARD, reason="SQLite is a file")

TOOLS = REPOSITORY / "config/mysql/tools"


def back_up(running: Containers, file: Path) -> None:
    started = time.monotonic()
    with file.open("wb") as out:
        finished = running.run(str(TOOLS / "backup.sh"), stdout=out)
    assert finished.returncode == 0, finished.stderr
    print(f"\nbacked up: {file.stat().st_size:,} bytes in {time.monotonic() - started:.1f} s")


def restore(running: Containers, file: Path) -> tuple[int, str]:
    started = time.monotonic()
    with file.open("rb") as backup:
        finished = running.run(str(TOOLS / "restore.sh"), stdin=backup)
    print(f"restored in {time.monotonic() - started:.1f} s: exit status {finished.returncode}")
    return finished.returncode, finished.stderr.decode()


def test_books_that_were_lost_are_restored_and_clients_make_up_for_the_rest(
    running: Containers, tmp_path: Path
) -> None:
    database, cache, env = running.database, running.cache, running.env
    guarded = triggers(database)
    assert "entry_never_changed" in guarded
    backup = tmp_path / "backup.sql.gz"
    with LedgerServer(env) as server:
        alice, bob = register(server, "10000.00"), register(server)
        with storm((alice, bob), (alice.at(server), bob)) as running_storm:
            eventually(lambda: len(running_storm.acknowledged) >= 20)
            back_up(running, backup)  # while money moves
            enough = len(running_storm.acknowledged) + 20
            eventually(lambda: len(running_storm.acknowledged) >= enough)
        assert set(running_storm.codes) == {201}
        before = bob.amount()

    print(f"losing {database.database}: {len(running_storm.sent)} payments were acknowledged")
    database.execute(f"DROP DATABASE {database.database}")
    assert manage(env, "reconcile").returncode != 0

    assert restore(running, backup) == (0, "")
    cache.kill()  # it remembers balances that are not yet: `docker compose restart redis`
    cache.start()
    proved = manage(env, "reconcile")
    print(proved.stdout)
    assert proved.returncode == 0
    assert manage(env, "verify_audit").returncode == 0
    with LedgerServer(env) as server:
        alice, bob = alice.at(server), bob.at(server)
        restored = set(bob.transaction_ids())
        assert restored < running_storm.acknowledged
        assert bob.amount() == f"{len(restored)}.00"
        print(f"{len(restored)} payments are in the backup; the clients ask again with their keys")
        again = [alice.transfer(bob, "1.00", one.key) for one in running_storm.sent]
        assert {answer.status_code for answer in again} == {201}
        replayed = [answer for answer in again if "Idempotent-Replayed" in answer.headers]
        assert len(replayed) == len(restored)
        assert bob.amount() == before == f"{len(running_storm.sent)}.00"
    assert_reconciled(env)
    assert triggers(database) == guarded


def triggers(database: DatabaseServer) -> list[str]:
    query = "SELECT trigger_name FROM information_schema.triggers WHERE trigger_schema <> 'sys'"
    return sorted(database.execute(query).split())


def test_backup_that_is_not_whole_is_found_out(running: Containers, tmp_path: Path) -> None:
    whole, part = tmp_path / "whole.sql.gz", tmp_path / "part.sql.gz"
    back_up(running, whole)
    part.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    status, said = restore(running, part)
    assert status == 1
    assert "The backup was not read to its end: the books are NOT restored." in said
    assert restore(running, whole) == (0, "")


def test_backup_that_can_not_be_made_says_so(running: Containers, tmp_path: Path) -> None:
    with (tmp_path / "none").open("wb") as out:
        finished = running.run(
            "/usr/bin/env", "MYSQL_DATABASE=nothing", str(TOOLS / "backup.sh"), stdout=out
        )
    assert finished.returncode != 0
    assert b"nothing" in finished.stderr
