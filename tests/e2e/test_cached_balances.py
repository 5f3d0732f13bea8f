"""Balances are cached, and yet no reader sees one older than what was already answered."""

import threading
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from tests.e2e.world import Account, manage, register
from tests.faults.storm import rage, storm
from tests.servers import LedgerServer


class Horizon:
    """The highest version of one balance that anybody was shown."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.version = 0
        self.looks = 0

    def raise_to(self, version: int) -> None:
        with self._lock:
            self.version = max(self.version, version)
            self.looks += 1

    def look(self, account: Account) -> None:
        """Read the balance; it may not lie behind the horizon of before the request."""
        known = self.version
        shown = int(account.balance()["version"])
        assert shown >= known, f"version {shown} was shown after version {known}"
        self.raise_to(shown)


@contextmanager
def polling(horizon: Horizon, accounts: list[Account]) -> Iterator[None]:
    """One reader for each of `accounts` (the same user, over other connections)."""
    over = threading.Event()

    def poll(account: Account) -> None:
        while not over.is_set():
            horizon.look(account)

    with ThreadPoolExecutor(len(accounts)) as pool:
        readers = [pool.submit(poll, account) for account in accounts]
        try:
            yield
        finally:
            over.set()
    for reader in readers:
        reader.result()


def test_reader_never_sees_an_older_version_than_was_answered(server: LedgerServer) -> None:
    alice, bob = register(server, "1000.00"), register(server, "1000.00")
    horizon = Horizon()
    with polling(horizon, [alice.at(server) for _ in range(4)]), storm((bob, alice)) as running:
        for _ in range(60):
            horizon.raise_to(alice.transfer(bob, "1.00").json()["balance"]["version"])
            horizon.look(alice)
        rage(running)
    assert horizon.looks > 200


def test_sequential_transfers_while_another_polls_create_no_money(server: LedgerServer) -> None:
    alice, bob = register(server, "20.00"), register(server)
    horizon = Horizon()
    with polling(horizon, [alice.at(server) for _ in range(3)]):
        codes = [alice.transfer(bob, "1.00").status_code for _ in range(30)]
    assert codes == [201] * 20 + [422] * 10
    assert (alice.amount(), bob.amount()) == ("0.00", "20.00")


def test_what_a_command_moved_is_shown_at_once(
    server: LedgerServer, env: Mapping[str, str], tmp_path: Path
) -> None:
    """A management command is a process of its own, beside the server on SQLite as well."""
    alice = register(server, "1.00")
    assert alice.amount() == "1.00"
    file = tmp_path / f"{alice.username}.csv"
    file.write_text(f"type,from,to,amount\ndeposit,,{alice.username},2.00\n")
    finished = manage(env, "import_transactions", str(file))
    assert finished.returncode == 0, finished.stderr
    assert alice.amount() == "3.00"
