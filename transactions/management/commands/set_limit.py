"""`manage.py set_limit`."""

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from rest_framework.exceptions import ValidationError
from rest_framework.serializers import as_serializer_error

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
        "and in one day (UTC). Of the two amounts, one that is left out means no such limit. "
        "Recorded in the audit trail."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        whose = parser.add_mutually_exclusive_group(required=True)
        whose.add_argument("--user", metavar="USERNAME", help="Whose limit.")
        whose.add_argument("--role", choices=Role.values, help="Of every user of this role.")
        parser.add_argument(
            "--currency",
            default=settings.DEFAULT_CURRENCY,
            help="An ISO 4217 code; %(default)s unless given.",
        )
        parser.add_argument(
            "--per-transaction", metavar="AMOUNT", help="The most at once, such as 100.50."
        )
        parser.add_argument("--per-day", metavar="AMOUNT", help="The most in one day (UTC).")
        parser.add_argument(
            "--remove", action="store_true", help="Take the limit away, in place of amounts."
        )

    def handle(self, **options: Any) -> None:
        currency = options["currency"]
        amounts = [options["per_transaction"], options["per_day"]]
        if options["remove"] == any(amount is not None for amount in amounts):
            raise CommandError(
                "Give --per-transaction, --per-day or both, or --remove to take the limit away."
            )
        subject = self._user(options["user"]) if options["user"] else Role(options["role"])
        try:
            exponent_of(currency)
            limit = set_limit(
                subject=subject,
                currency=currency,
                per_transaction=_minor(options, "per_transaction", currency),
                per_day=_minor(options, "per_day", currency),
                by=Actor.system("set_limit"),
            )
        except LedgerError as error:
            raise CommandError(error.detail) from error
        self.stdout.write(f"{'Removed' if options['remove'] else 'Set'} the {limit}.")

    @staticmethod
    def _user(username: str) -> User:
        user = User.objects.filter(username_key=username.lower()).first()
        if user is None:
            raise CommandError(f"There is no user {username!r}.")
        return user


def _minor(options: dict[str, Any], name: str, currency: str) -> int | None:
    """Minor units; None when it was not given. Raises CommandError."""
    amount = options[name]
    if amount is None:
        return None
    option = f"--{name.replace('_', '-')}"
    if amount.startswith("-"):
        raise CommandError(f"{option}: A limit can't be less than zero.")
    try:
        return least_in(currency, amount, name)
    except ValidationError as error:
        raise CommandError(f"{option}: {as_serializer_error(error)[name][0]}") from error
