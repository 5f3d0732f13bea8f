"""`manage.py expire_pending`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import Error as DatabaseError

from ledgerlink.errors import LedgerError
from transactions.approvals import expire_approvals
from transactions.expiry import end_freezes, expire_pending
from transactions.progress import stop_on_signal


class Command(BaseCommand):
    help = (
        "Cancels pending transactions that have expired and releases what they hold, unfreezes "
        "balances whose freeze has ended, and ends requests that nobody approved or rejected in "
        "time. Run it every minute or so; what has expired does not count in any case."
    )

    def handle(self, **_options: Any) -> None:
        try:
            with stop_on_signal() as stop:
                cancelled = expire_pending(stop.is_set)
                unfrozen = end_freezes(stop.is_set)
                undecided = expire_approvals(stop.is_set)
        except (LedgerError, DatabaseError) as error:
            reason = error.detail if isinstance(error, LedgerError) else str(error)
            raise CommandError(reason) from error
        self.stdout.write(f"Cancelled {cancelled} expired transactions.")
        self.stdout.write(f"Unfroze {unfrozen} balances.")
        self.stdout.write(f"{undecided} requests expired undecided.")
