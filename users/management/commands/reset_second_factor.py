"""`manage.py reset_second_factor`."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from users.actors import Actor
from users.enrolment import reset
from users.queries import user_named


class Command(BaseCommand):
    help = (
        "Forgets the authenticator app and the recovery codes of somebody who has lost both, when "
        "no other administrator can do it in the back-office. Recorded in the audit trail."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="username or e-mail")

    def handle(self, **options: Any) -> None:
        user = user_named(options["name"])
        if user is None:
            raise CommandError(f"There is no user {options['name']!r}.")
        if reset(user=user, by=Actor.system("reset_second_factor")):
            self.stdout.write(f"The two-step sign-in of {user} is reset.")
        else:
            self.stdout.write(f"{user} had no two-step sign-in.")
