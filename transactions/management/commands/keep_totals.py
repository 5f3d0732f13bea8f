"""`manage.py keep_totals`."""

from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from transactions.totals import Activity, Span

DAYS = 30  # as far back as the back-office's first page looks


class Command(BaseCommand):
    help = (
        "Counts the hours that are over, for the back-office's first page. Run it every ten "
        "minutes or so: without it, whoever looks first after an import waits meanwhile."
    )

    def handle(self, **_options: Any) -> None:
        now = timezone.now()
        start = Span.DAY.of(now) - timedelta(days=DAYS)
        kept = Activity(start, now).unkept
        self.stdout.write(f"Counted up to {kept:%Y-%m-%d %H:%M} UTC.")
