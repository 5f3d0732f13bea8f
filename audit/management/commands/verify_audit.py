"""`manage.py verify_audit`."""

import argparse
import json
import re
import time
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from django.utils import timezone

from audit.models import Seal
from audit.verification import Report, keep, verify_trail
from ledgerlink.patience import patience
from ledgerlink.timestamps import rfc3339
from transactions.progress import progress

SHOWN = 20  # findings
KEPT = re.compile(r"([1-9][0-9]{0,17}):([0-9a-f]{64})")


def kept(text: str) -> tuple[int, str]:
    """`12:9f86d08…` as the number of a seal and its hash."""
    found = KEPT.fullmatch(text.lower())
    if found is None:
        raise argparse.ArgumentTypeError("give the number of a seal and its hash, as 12:9f86d0…")
    return int(found[1]), found[2]


class Command(BaseCommand):
    help = (
        "Computes every seal of the audit trail anew from its records, and keeps the outcome for "
        "the back-office. Exits 1 when a record or a seal is not as it was sealed."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--kept",
            type=kept,
            action="append",
            default=[],
            metavar="NUMBER:HASH",
            help="a seal as it was kept elsewhere, which must still be there (may be repeated)",
        )

    def handle(self, **options: Any) -> None:
        at, begun = timezone.now(), time.monotonic()
        try:
            with patience():
                report = self._verify(dict(options["kept"]), hidden=options["json"])
        except DatabaseError as error:
            raise CommandError(f"The audit trail can't be read: {error}") from error
        self._keep(report, at, timedelta(seconds=time.monotonic() - begun))
        if options["json"]:
            self.stdout.write(json.dumps({"at": rfc3339(at), **report.as_json()}, indent=2))
        else:
            self._show(report)
        if not report.holds:
            raise CommandError(f"The audit trail is broken at {report.broken[0]}.")

    def _verify(self, expected: dict[int, str], *, hidden: bool) -> Report:
        last = Seal.objects.order_by("number").last()
        total = last.last_id if last else 0
        with progress(self.stdout, "Verifying", total, hidden=hidden) as shown:

            def tell(seal: int, last_id: int) -> None:
                shown.advance(last_id, f"seal {seal}")

            return verify_trail(expected, on_page=tell)

    def _keep(self, report: Report, at: datetime, took: timedelta) -> None:
        """A replica that can only be read is a good place to verify the trail at."""
        try:
            keep(report, started_at=at, took=took)
        except DatabaseError as error:
            self.stderr.write(f"The outcome could not be kept for the back-office: {error}")

    def _show(self, report: Report) -> None:
        for finding in report.broken[:SHOWN]:
            self.stdout.write(str(finding).capitalize())
        if len(report.broken) > SHOWN:
            self.stdout.write(f"and {len(report.broken) - SHOWN:,} more")
        if report.last is None:
            self.stdout.write(
                f"Nothing is sealed yet, so nothing was verified: {report.unsealed:,} records."
            )
            return
        self.stdout.write(
            f"{report.records:,} records under {report.seals:,} seals; {report.unsealed:,} are "
            f"not sealed yet.\nLast seal: {report.last.number}:{report.last.hash}"
        )
