"""`manage.py import_transactions`."""

import gc
import time
from argparse import ArgumentTypeError
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError
from django.db import connection

from ledgerlink.errors import LedgerError
from transactions.csv_lines import open_csv
from transactions.import_rows import LedgerReader, RowReader
from transactions.import_tally import Problems, Tally
from transactions.importing import Import
from transactions.paysim import PaySimReader
from transactions.progress import INTERRUPTED, progress, stop_on_signal
from users.actors import Actor

MAX_BATCH = 5000
RESUME = "Run the same command again to go on: what was posted is not posted twice."


def _batch_size(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:5]) <= MAX_BATCH:
        raise ArgumentTypeError(f"a number from 1 to {MAX_BATCH}")
    return int(text)


class Command(BaseCommand):
    help = (
        "Posts the rows of a CSV file. The whole file is read first, and nothing is posted while "
        "a line of it is bad. Repeating an import moves nothing twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", help="UTF-8, a header and then one row on each line")
        parser.add_argument(
            "--format",
            choices=("ledger", "paysim"),
            default="ledger",
            help="ledger (default): columns type, from, to, amount, and perhaps currency, time, "
            "reference. paysim: as published; users are made as they appear",
        )
        parser.add_argument(
            "--name",
            help="what the import is known by when it is repeated (default: the file's name); "
            "another file that is called the same needs one, or rows alike are taken for old ones",
        )
        parser.add_argument(
            "--skip-invalid", action="store_true", help="leave bad lines out and report them"
        )
        parser.add_argument(
            "--create-users", action="store_true", help="make the users that are not there"
        )
        parser.add_argument(
            "--dry-run", action="store_true", help="read and check the file, post nothing"
        )
        parser.add_argument(
            "--batch-size",
            type=_batch_size,
            default=4000,
            help="rows in one database transaction (default: 4000)",
        )

    def handle(self, **options: Any) -> None:
        reader: Callable[[Sequence[str]], RowReader] = PaySimReader
        if options["format"] == "ledger":
            reader = partial(LedgerReader, creates_users=options["create_users"])
        try:
            with open_csv(options["file"]) as (file, size):
                work = Import(
                    file,
                    reader,
                    name=options["name"] or Path(options["file"]).name,
                    actor=Actor.system("import_transactions"),
                    batch_size=options["batch_size"],
                )
                self._run(work, size, options)
        except LedgerError as error:
            raise CommandError(error.detail) from error

    def _run(self, work: Import, size: int, options: dict[str, Any]) -> None:
        name, skips = Path(options["file"]).name, options["skip_invalid"]
        checked = self._follow(work.check(), f"Checking {name}", size)
        if checked.problems.count and not skips:
            raise CommandError(
                f"{_listed(checked.problems)}\nNothing was posted. Mend the file, or leave such "
                "lines out with --skip-invalid."
            )
        if options["dry_run"]:
            self._report_skipped(checked.problems)
            good = checked.rows - checked.problems.count
            self.stdout.write(f"{good} of {checked.rows} rows can be posted. Nothing was posted.")
            return
        self._post(work, name, size, skips=skips)

    def _post(self, work: Import, name: str, size: int, *, skips: bool) -> None:
        started = time.perf_counter()
        if not connection.in_atomic_block:
            connection.close()  # the server gives up one that was idle while a long file was read
        try:
            with _collector_spared():
                tally = self._follow(
                    work.post(), f"Posting {name}", size, stops_at_problem=not skips
                )
        except (LedgerError, DatabaseError) as error:
            reason = error.detail if isinstance(error, LedgerError) else str(error)
            raise CommandError(f"{reason}\n{RESUME}") from error
        seconds = time.perf_counter() - started
        if tally.problems.count and not skips:
            raise CommandError(f"{_listed(tally.problems)}\n{_summary(tally)}\n{RESUME}")
        self._report_skipped(tally.problems)
        self.stdout.write(f"{name}: {_summary(tally)}")
        self.stdout.write(f"{seconds:.1f} s, {tally.rows / seconds:.0f} rows/s")
        if tally.already_there:
            self.stdout.write(
                f"{tally.already_there} of {tally.rows} rows were already there under the name "
                f"{work.name}, and "
                "were not posted again. A file of new rows that read the same needs a --name of "
                "its own."
            )

    def _follow(
        self,
        steps: Iterator[tuple[int, Tally]],
        label: str,
        size: int,
        *,
        stops_at_problem: bool = False,
    ) -> Tally:
        """Take the steps one by one and show how far they are; the last tally."""
        tally = Tally()
        with stop_on_signal() as stop, progress(self.stdout, label, size) as shown:
            for end, tally in steps:
                shown.advance(end, f"{tally.rows} rows")
                if stop.is_set():
                    raise CommandError(
                        f"Stopped after {tally.rows} rows. {RESUME}", returncode=INTERRUPTED
                    )
                if stops_at_problem and tally.problems.count:
                    break
        return tally

    def _report_skipped(self, problems: Problems) -> None:
        if problems.count:
            self.stderr.write(f"{_listed(problems)}\nLeft out: {problems.count} lines.")


@contextmanager
def _collector_spared() -> Iterator[None]:
    """Spare the garbage collector what is loaded already: walking through all of Django again and
    again while rows come and go would be a seventh of the time."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _listed(problems: Problems) -> str:
    lines = [str(problem) for problem in problems.first]
    if problems.count > len(lines):
        lines.append(f"and {problems.count - len(lines)} more bad lines")
    return "\n".join(lines)


def _summary(tally: Tally) -> str:
    parts = [
        f"{tally.rows} rows: {tally.posted} posted",
        f"{tally.failed} refused and kept as failed",
        f"{tally.already_there} already there",
        f"{tally.problems.count} left out",
    ]
    made = f"{tally.users} users and {tally.openings} opening deposits made."
    return f"{', '.join(parts)}. {made}"
