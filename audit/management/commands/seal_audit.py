"""`manage.py seal_audit`."""

import json
from datetime import timedelta
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import Error as DatabaseError

from audit.models import Seal
from audit.representation import represent_seal
from audit.sealing import NotSettledError, SealedMeanwhileError, last_settled, seal_trail
from ledgerlink.patience import patience
from transactions.progress import progress


class Command(BaseCommand):
    help = (
        "Seals the audit records that were written since the last seal, so that `verify_audit` "
        "finds out whether any of them was changed, removed or slipped in. Run it every hour or "
        "so, and keep the hash that it prints somewhere else as well."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help="print one JSON object")
        parser.add_argument(
            "--settled",
            type=int,
            metavar="SECONDS",
            help="seal records of this age (MySQL and MariaDB: 600, SQLite: 0)",
        )

    def handle(self, **options: Any) -> None:
        seconds = options["settled"]
        if seconds is not None and seconds < 0:
            raise CommandError("--settled is a number of seconds.")
        settled = None if seconds is None else timedelta(seconds=seconds)
        made: list[Seal] = []
        try:
            with patience():
                self._seal(made, settled, hidden=options["json"])
        except NotSettledError as error:
            raise CommandError(
                f"{_count(made)} A record that comes next is still being written: try again."
            ) from error
        except SealedMeanwhileError as error:
            raise CommandError(f"{_count(made)} Another run sealed meanwhile.") from error
        except DatabaseError as error:
            raise CommandError(f"{_count(made)} The database said: {error}") from error
        if options["json"]:
            report = {"seals": [represent_seal(seal) for seal in made]}
            self.stdout.write(json.dumps(report, indent=2))
        elif not made:
            self.stdout.write("Nothing to seal.")

    def _seal(self, made: list[Seal], settled: timedelta | None, *, hidden: bool) -> None:
        last = Seal.objects.order_by("number").last()
        begin = last.last_id if last else 0
        total = max(last_settled(settled) - begin, 0)
        with progress(self.stdout, "Sealing", total, hidden=hidden) as shown:

            def tell(seal: Seal) -> None:
                made.append(seal)
                shown.advance(seal.last_id - begin, f"seal {seal.number}")
                if not hidden:
                    shown.say(
                        f"Seal {seal.number}: {seal.count:,} records up to {seal.last_id}, "
                        f"{seal.hash}"
                    )

            seal_trail(settled=settled, on_seal=tell)


def _count(made: list[Seal]) -> str:
    return f"{len(made)} seals made." if made else "Nothing was sealed."
