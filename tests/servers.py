"""The real server, of which everything printed is searched for secrets."""

from collections.abc import Mapping

from bench.servers import ledger
from tests import leaks


class LedgerServer(ledger.LedgerServer):
    def __init__(
        self, env: Mapping[str, str], workers: int | None = None, threads: int | None = None
    ) -> None:
        super().__init__(env, workers, threads)
        for name, value in self.env.items():
            leaks.know_env(name, value)

    def remove_directory(self) -> None:
        """What it printed is read first."""
        leaks.read(self.output())
        super().remove_directory()
