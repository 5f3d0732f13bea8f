"""Reading balances."""

from datetime import datetime

from django.db.models import Q, QuerySet

from balances.cache import balance_cache
from balances.cache import value_of as cached_form
from balances.enums import BalanceStatus
from balances.models import Balance
from balances.signals import balances_read


def balances_of(user_id: int) -> QuerySet[Balance]:
    return Balance.objects.filter(user_id=user_id).order_by("currency")


def with_status(balances: QuerySet[Balance], status: str, at: datetime) -> QuerySet[Balance]:
    """Those whose status is this one at a moment: a freeze that has ended is not always cleared."""
    return balances.filter(status_is(status, at))


def status_is(status: str, at: datetime) -> Q:
    """As `with_status`."""
    over = Q(frozen_until__isnull=False, frozen_until__lte=at)
    if status == BalanceStatus.ACTIVE:
        return Q(status=status) | over
    return Q(status=status) & ~over


def shown_balances(user_id: int) -> dict[str, str]:
    """Currency to JSON of each balance of a user, from the cache or else from the books.

    One in which nothing ever moved is not shown: a stranger's refused transfer has opened it.
    """
    cached = balance_cache().read(user_id)
    balances_read.send_robust(sender=None, cached=cached.balances is not None)
    if cached.balances is not None:
        return dict(sorted(cached.balances.items()))
    balances = list(balances_of(user_id).filter(version__gt=0))
    balance_cache().fill(user_id, cached.generation, balances)
    return {balance.currency: cached_form(balance) for balance in balances}
