"""System checks of the currencies that are configured."""

from collections.abc import Sequence
from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from balances.currencies import ISO_4217, currencies, parse_extra_currencies
from balances.decimals import contradictions
from balances.models import Balance, Currency
from ledgerlink.checks import BOOKS


@checks.register("ledgerlink")
def check_currencies(**_kwargs: Any) -> list[checks.CheckMessage]:
    try:
        known = ISO_4217 | parse_extra_currencies(settings.EXTRA_CURRENCIES)
    except ImproperlyConfigured as error:
        return [checks.Error(str(error), id="balances.E001")]
    if settings.DEFAULT_CURRENCY not in known:
        return [
            checks.Error(
                f"DEFAULT_CURRENCY is {settings.DEFAULT_CURRENCY!r}, which is no known currency.",
                hint="Use an ISO 4217 code in capitals, or add it to EXTRA_CURRENCIES.",
                id="balances.E002",
            )
        ]
    return []


@checks.register(checks.Tags.database)
def check_currencies_in_use(
    databases: Sequence[str] | None = None, **_kwargs: Any
) -> list[checks.CheckMessage]:
    """A currency that was taken out of the settings can't be shown or moved any more."""
    if not databases or Balance._meta.db_table not in connection.introspection.table_names():
        return []
    used = set(Balance.objects.values_list("currency", flat=True).distinct())
    return [
        checks.Error(
            f"There are balances in {currency}, which is not configured.",
            hint="Put it back into EXTRA_CURRENCIES, with the decimals that it had.",
            id="balances.E003",
        )
        for currency in sorted(used - currencies().keys())
    ]


@checks.register(checks.Tags.database, BOOKS)
def check_decimals(
    databases: Sequence[str] | None = None, **_kwargs: Any
) -> list[checks.CheckMessage]:
    """Other decimals would change what every balance in the currency is worth."""
    if not databases or Currency._meta.db_table not in connection.introspection.table_names():
        return []
    return [
        checks.Error(
            f"{code} has {kept} decimals in the books and {configured} in the settings.",
            hint=f"Put {code}:{kept} back into EXTRA_CURRENCIES.",
            id="balances.E004",
        )
        for code, kept, configured in contradictions()
    ]
