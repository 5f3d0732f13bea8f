"""Reading balances."""

import re
from collections.abc import Sequence
from datetime import datetime

from django.db.models import Q, QuerySet

from balances.cache import balance_cache
from balances.cache import value_of as cached_form
from balances.enums import BalanceStatus
from balances.models import Balance
from balances.signals import balances_read, holds_listed, holds_read

_HOLDS = re.compile(r'"held":"(?![0.]+")')


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
    shown = cached.balances
    if shown is None:
        shown = _from_the_books(user_id, cached.generation)
    if any(map(_HOLDS.search, shown.values())) and release_expired(user_id):
        shown = _from_the_books(user_id, cached.generation)
    return dict(sorted(shown.items()))


def _from_the_books(user_id: int, generation: str) -> dict[str, str]:
    balances = list(balances_of(user_id).filter(version__gt=0))
    balance_cache().fill(user_id, generation, balances)
    return {balance.currency: cached_form(balance) for balance in balances}


def released_balances_of(user_id: int) -> list[Balance]:
    """`balances_of` a user once no expired transaction holds money back."""
    balances = list(balances_of(user_id))
    if any(balance.held for balance in balances) and release_expired(user_id):
        balances = list(balances_of(user_id))
    return balances


def release_expired(user_id: int) -> bool:
    """Whether something was held of a user's balances by transactions that have expired. When they
    can't be let go of now, it stays held: nothing is promised that isn't so in the books."""
    answers = holds_read.send_robust(sender=None, user_id=user_id)
    return any(isinstance(count, int) and count > 0 for _, count in answers)


def take_off_expired(balances: Sequence[Balance]) -> None:
    """Let them show as held what can still be captured, as they will be once the rest is let go
    of; nothing is written. One query, however many they are."""
    holding = {balance.pk: balance for balance in balances if balance.held}
    if not holding:
        return
    answers = holds_listed.send_robust(sender=None, balance_ids=list(holding))
    for expired in (answer for _, answer in answers if isinstance(answer, dict)):
        for pk, minor in expired.items():
            holding[pk].held -= minor
