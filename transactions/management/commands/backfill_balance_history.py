"""`manage.py backfill_balance_history`."""

from functools import partial
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from balances.money import format_amount
from ledgerlink.patience import patience
from transactions.backfill import (
    HistoryContradicted,
    Rebuilt,
    incomplete_balances,
    preview,
    write,
)
from transactions.progress import INTERRUPTED, progress, stop_on_signal
from users.actors import Actor


class Command(BaseCommand):
    help = (
        "Rebuilds ledger entries that were lost, from the completed transactions. Shows what it "
        "would write; writes only with --apply, one balance at a time, whose postings wait "
        "meanwhile. A balance whose rebuilt history would not end at its amount is left as it is. "
        "Exits 1 when there was one. Ctrl-C is noticed between two balances; a second one stops at "
        "once, and the balance under way is left as it was."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--apply", action="store_true", help="write the entries")

    def handle(self, **options: Any) -> None:
        try:
            with patience():
                self._rebuild_all(applies=options["apply"])
        except DatabaseError as error:
            raise CommandError(
                f"{error}\nRun the same command again to go on: what was written is complete."
            ) from error

    def _rebuild_all(self, *, applies: bool) -> None:
        by = Actor.system("backfill_balance_history")
        rebuild_one = partial(write, by=by) if applies else preview
        balances = incomplete_balances()
        entries = refused = 0
        with (
            stop_on_signal() as stop,
            progress(self.stdout, "Rebuilding", len(balances)) as shown,
        ):
            for done, balance_id in enumerate(balances, start=1):
                try:
                    found = rebuild_one(balance_id, alone=len(balances) == 1)
                except HistoryContradicted as error:
                    refused += 1
                    shown.say(f"balance {balance_id} is left as it is. {error.detail}")
                else:
                    entries += found.count
                    shown.say(_describe(found))
                shown.advance(done, f"{done} of {len(balances)} balances")
                if stop.is_set():
                    raise CommandError(
                        f"Stopped after {done} of {len(balances)} balances. "
                        "Run the same command again to go on.",
                        returncode=INTERRUPTED,
                    )
        self._conclude(entries, refused, applies=applies)

    def _conclude(self, entries: int, refused: int, *, applies: bool) -> None:
        if entries == refused == 0:
            self.stdout.write("No ledger entry is missing.")
        elif applies:
            self.stdout.write(f"{entries} entries were written. Run reconcile to prove the books.")
        else:
            self.stdout.write(f"{entries} entries would be written: run it again with --apply.")
        if refused:
            raise CommandError(f"{refused} balances were left as they are.")


def _describe(found: Rebuilt) -> str:
    balance = found.balance
    lines = [f"balance {balance.pk} ({balance}): {found.count} entries"]
    for entry in found.first:
        delta, before, after = (
            format_amount(amount, balance.currency)
            for amount in (entry.delta, entry.before, entry.after)
        )
        lines.append(
            f"  entry {entry.version}: {before} to {after} ({delta}), transaction "
            f"{entry.transaction_id}"
        )
    if found.count > len(found.first):
        lines.append(f"  and {found.count - len(found.first)} more")
    return "\n".join(lines)
