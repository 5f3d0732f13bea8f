"""`manage.py expire_pending`."""

from typing import Any

from django.core.management.base import BaseCommand

from transactions.expiry import expire_pending
from transactions.progress import stop_on_signal


class Command(BaseCommand):
    help = (
        "Cancels pending transactions that have expired and releases what they hold. Run it every "
        "minute or so; an expired one can't be captured in any case."
    )

    def handle(self, **_options: Any) -> None:
        with stop_on_signal() as stop:
            count = expire_pending(stop.is_set)
        self.stdout.write(f"Cancelled {count} expired transactions.")
