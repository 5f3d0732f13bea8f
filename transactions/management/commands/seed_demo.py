"""`manage.py seed_demo`."""

from typing import Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from ledgerlink.environment import port, text
from transactions.demo import PASSWORD, USERS, seed
from users.actors import Actor


class Command(BaseCommand):
    help = (
        "Makes demo users with some history, and prints where to sign in. "
        "What is there already stays as it is. Refused in production."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--migrate", action="store_true", help="apply the migrations first")

    def handle(self, **options: Any) -> None:
        if settings.PRODUCTION:
            raise CommandError(
                "seed_demo makes users with a published password: it is refused while "
                "APP_ENV=production."
            )
        if options["migrate"]:
            call_command("migrate", verbosity=0)
        try:
            users, transactions = seed(Actor.system("seed_demo"))
        except ValidationError as error:
            raise CommandError(f"A demo user can't be made: {' '.join(error.messages)}") from error
        if users or transactions:
            self.stdout.write(f"Demo data: {users} users and {transactions} transactions made.")
        else:
            self.stdout.write("Demo data: already there.")
        self._show_logins()

    def _show_logins(self) -> None:
        site = f"http://{text('APP_HOST', '127.0.0.1')}:{port('APP_PORT', 8080)}"
        lines = [
            "",
            f"  Back-office   {site}/admin/",
            f"  API           {site}/api/v1",
            f"  Logins        {', '.join(USERS)}",
            f"  Password      {PASSWORD}",
            "",
        ]
        self.stdout.write("\n".join(lines))
