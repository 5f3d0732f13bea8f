"""`manage.py reconcile`."""

import json
import sys
import time
from datetime import datetime, timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from django.utils import timezone
from rich.console import Console
from rich.table import Table

from balances.reconciliation import Proof
from ledgerlink.patience import patience
from ledgerlink.timestamps import rfc3339
from transactions.progress import progress
from transactions.reconciliation import PROOFS, keep, reconcile

WIDTH_OF_FILES = 120  # characters, where the output is no terminal


class Command(BaseCommand):
    help = (
        "Proves the seven invariants of the books, and keeps the outcome for the back-office. "
        "Exits 1 when one of them is broken."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")

    def handle(self, **options: Any) -> None:
        at, begun = timezone.now(), time.monotonic()
        with (
            patience(),
            progress(self.stdout, "Proving", len(PROOFS), hidden=options["json"]) as shown,
        ):
            try:
                proofs = reconcile(lambda proof: shown.advance(proof.number, proof.invariant))
            except DatabaseError as error:
                raise CommandError(f"The books can't be read: {error}") from error
        self._keep(proofs, at, timedelta(seconds=time.monotonic() - begun))
        broken = [proof.number for proof in proofs if not proof.holds]
        if options["json"]:
            report = {
                "at": rfc3339(at),
                "holds": not broken,
                "invariants": [proof.as_json() for proof in proofs],
            }
            self.stdout.write(json.dumps(report, indent=2))
        else:
            self._show(proofs)
        if broken:
            numbers = ", ".join(str(number) for number in broken)
            raise CommandError(f"The books are broken: see invariant {numbers}.")

    def _keep(self, proofs: list[Proof], at: datetime, took: timedelta) -> None:
        """A replica that can only be read is a good place to prove the books at."""
        try:
            keep(proofs, started_at=at, took=took)
        except DatabaseError as error:
            self.stderr.write(f"The outcome could not be kept for the back-office: {error}")

    def _show(self, proofs: list[Proof]) -> None:
        table = Table()
        table.add_column("", justify="right")
        table.add_column("Invariant", ratio=1)
        table.add_column("Checked", justify="right")
        table.add_column("Breaches", justify="right")
        for proof in proofs:
            said = "\n".join((proof.invariant, *(f"  {text}" for text in proof.examples)))
            if proof.breaches > len(proof.examples):
                said += f"\n  and {proof.breaches - len(proof.examples)} more"
            style = None if proof.holds else "bold red"
            cells = (str(proof.number), said, f"{proof.checked:,}", f"{proof.breaches:,}")
            table.add_row(*cells, style=style)
        if self.stdout.isatty():
            Console(file=sys.stdout).print(table)
            return
        console = Console(width=WIDTH_OF_FILES, color_system=None)
        with console.capture() as text:
            console.print(table)
        self.stdout.write(text.get())
