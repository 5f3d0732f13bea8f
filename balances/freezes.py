"""What freezes a balance, and for how long."""

from datetime import datetime

from balances.enums import BalanceStatus

FROZEN = frozenset({BalanceStatus.DEBITS_FROZEN, BalanceStatus.FROZEN})


def status_at(status: str, frozen_until: datetime | None, at: datetime) -> BalanceStatus:
    """What counts at a moment: a freeze whose end has come no longer does, whether or not the row
    was cleared since."""
    if frozen_until is not None and frozen_until <= at:
        return BalanceStatus.ACTIVE
    return BalanceStatus(status)
