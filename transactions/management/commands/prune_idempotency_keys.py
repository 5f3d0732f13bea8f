"""`manage.py prune_idempotency_keys`."""

from datetime import timedelta
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from transactions.expiry import prune_keys
from transactions.progress import stop_on_signal


class Command(BaseCommand):
    help = (
        "Forgets the idempotency keys of API clients after some days. A request that is repeated "
        "later than that is a new one. The transactions stay."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--days",
            type=int,
            default=settings.IDEMPOTENCY_KEY_DAYS,
            help="Keep those of so many days; %(default)s (IDEMPOTENCY_KEY_DAYS) unless given.",
        )

    def handle(self, **options: Any) -> None:
        if options["days"] < 1:
            raise CommandError("Keep keys for a day at least: clients retry for hours.")
        with stop_on_signal() as stop:
            count = prune_keys(timezone.now() - timedelta(days=options["days"]), stop.is_set)
        self.stdout.write(f"Forgot {count} idempotency keys.")
