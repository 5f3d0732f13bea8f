"""What an action would come to: the balances before and after."""

from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from balances.accounts import Account
from balances.enums import House
from balances.money import money
from ledgerlink.errors import LedgerError
from transactions.errors import InsufficientFunds
from transactions.instructions import UnitOutcome
from users.models import User


@dataclass(frozen=True, slots=True)
class Line:
    """A balance that changes, or would; amounts as they are read."""

    who: str
    user_id: int | None
    posted: str
    posted_after: str
    available: str
    available_after: str
    status: str
    status_after: str


def lines_of(foreseen: UnitOutcome) -> list[Line]:
    names = _names(before for before, _ in foreseen.foreseen)
    changed = [(b, a) for b, a in foreseen.foreseen if b.version != a.version]
    changed.sort(key=lambda pair: pair[0].house is not None)
    return [_line(names, before, after) for before, after in changed]


def _line(names: dict[int, str], before: Account, after: Account) -> Line:
    def available(account: Account) -> str:
        return "" if account.house is not None else money(account.available, account.currency)

    now = timezone.now()
    return Line(
        who=_who(names, before),
        user_id=before.user_id,
        posted=money(before.amount, before.currency),
        posted_after=money(after.amount, after.currency),
        available=available(before),
        available_after=available(after),
        status=str(before.status_at(now).label),
        status_after=str(after.status_at(now).label),
    )


def _names(accounts: Any) -> dict[int, str]:
    ids = {account.user_id for account in accounts if account.user_id is not None}
    return dict(User.objects.filter(pk__in=ids).values_list("pk", "username"))


def _who(names: dict[int, str], account: Account) -> str:
    if account.house is not None:
        return House(account.house).owner_name
    return names[account.user_id or 0]


def told(error: LedgerError, foreseen: UnitOutcome | None) -> str:
    """Why it can't be done, as a sentence."""
    posted = foreseen.outcomes[0].posted if foreseen and foreseen.outcomes else None
    if not isinstance(error, InsufficientFunds) or foreseen is None or posted is None:
        return error.detail
    payers = [b for b, _ in foreseen.foreseen if b.id == posted.transaction.source_id]
    names = _names(payers)
    has = (f"{names[a.user_id or 0]} has {money(a.available, a.currency)}" for a in payers)
    return f"Not enough is available: {', '.join(has)}."
