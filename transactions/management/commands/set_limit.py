"""`manage.py set_limit`."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework.exceptions import ValidationError

from balances.fields import least_in
from balances.money import exponent_of
from ledgerlink.errors import LedgerError
from transactions.limits import set_limit
from users.actors import Actor
from users.models import User
from users.roles import Role


class Command(BaseCommand):
    help = (
        "Limits what a user, or each user of a role, may send in one currency by one transaction "
        "and in one day (UTC). An option that is left out means no limit. Recorded in the audit "
        "trail."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--user", metavar="USERNAME")
        whose.add_argument("--role", choices=Role.values)
        parser.add_argument("--currency", default=settings.DEFAULT_CURRENCY)
        parser.add_argument("--per-transaction", metavar="AMOUNT")
        parser.add_argument("--per-day", metavar="AMOUNT")

    def handle(self, **options: Any) -> None:
        currency = options["currency"]
        subject = self._user(options["user"]) if options["user"] else Role(options["role"])
        try:
            exponent_of(currency)
            limit = set_limit(
                subject=subject,
                currency=currency,
                per_transaction=_minor(options["per_transaction"], currency),
                per_day=_minor(options["per_day"], currency),
                by=Actor.system("set_limit"),
            )
        except LedgerError as error:
            raise CommandError(error.detail) from error
        except ValidationError as error:
            raise CommandError("Write amounts as plain decimals, such as 100.50.") from error
        self.stdout.write(f"Set the {limit}.")

    @staticmethod
    def _user(username: str) -> User:
        user = User.objects.filter(username_key=username.lower()).first()
        if user is None:
            raise CommandError(f"There is no user {username!r}.")
        return user


def _minor(amount: str | None, currency: str) -> int | None:
    return None if amount is None else least_in(currency, amount, "amount")
