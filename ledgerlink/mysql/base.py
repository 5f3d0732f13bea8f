"""What Django loads as the `ledgerlink.mysql` database backend."""

import time
from typing import Any

from django.db.backends.mysql import base

from ledgerlink.mysql.cursor import Cursor

SURE_SECONDS = 1.0


class DatabaseWrapper(base.DatabaseWrapper):
    """As Django's, with fewer round trips.

    Before the first statement of a request Django pings the server. Here a connection that answered
    within the last second is not asked again: a server that went away in that second is met by the
    statement itself, which is answered with 503. And Django switches autocommit off and on again
    around each transaction, where one `BEGIN` does.
    """

    _answered_at = float("-inf")  # time.monotonic()

    def get_connection_params(self) -> dict[str, Any]:
        return {**super().get_connection_params(), "cursorclass": Cursor}

    def close_if_health_check_failed(self) -> None:
        now = time.monotonic()
        if now - self._answered_at < SURE_SECONDS and not self.errors_occurred:
            return
        super().close_if_health_check_failed()
        self._answered_at = now if self.connection is not None else float("-inf")

    def _start_transaction_under_autocommit(self) -> None:
        """Django's hook, which it made for SQLite. At the end of the transaction it switches
        autocommit on: mysqlclient knows from the server that it is."""
        with self.wrap_database_errors:
            self.connection.query("BEGIN")
