"""System checks of the currencies that are configured."""

from typing import Any

from django.conf import settings
from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from balances.currencies import ISO_4217, parse_extra_currencies


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
