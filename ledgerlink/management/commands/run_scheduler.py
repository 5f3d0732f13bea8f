"""`manage.py run_scheduler`."""

import signal
import threading
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser

from ledgerlink.schedule import Scheduler


class Command(BaseCommand):
    help = (
        "Runs the commands of SCHEDULE by the clock until it is told to end. One at a time is "
        "enough for a database; a second one does the same work again, and no harm."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--heartbeat", type=Path, metavar="FILE", help="touched after each success"
        )

    def handle(self, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda _number, _frame: stop.set())
        Scheduler(settings.SCHEDULE, options["heartbeat"]).run(stop)
