"""System check of what needs a second person."""

from typing import Any

from django.core import checks
from django.core.exceptions import ImproperlyConfigured

from transactions.approval_rules import withdrawals_above


@checks.register("ledgerlink")
def check_withdrawals_above(**_kwargs: Any) -> list[checks.CheckMessage]:
    try:
        withdrawals_above()
    except ImproperlyConfigured as error:
        hint = "Write CURRENCY:AMOUNT, comma-separated, such as USD:10000.00,JPY:1000000."
        return [checks.Error(str(error), hint=hint, id="transactions.E001")]
    return []
