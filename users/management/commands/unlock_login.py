"""`manage.py unlock_login`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from users.actors import Actor
from users.lockouts import lift
from users.queries import user_named


class Command(BaseCommand):
    help = (
        "Lets a user sign in again who is locked after too many failed sign-ins. Recorded in the "
        "audit trail."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="username or e-mail")

    def handle(self, **options: Any) -> None:
        user = user_named(options["name"])
        if user is None:
            raise CommandError(f"There is no user {options['name']!r}.")
        if lift(user, by=Actor.system("unlock_login")):
            self.stdout.write(f"{user} can sign in again.")
        else:
            self.stdout.write(f"{user} was not locked.")
