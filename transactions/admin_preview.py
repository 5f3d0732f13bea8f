"""What an action would come to: the balances before and after, and what of them was seen."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.core import signing
from django.utils import timezone

from balances.accounts import Account
from balances.enums import BalanceStatus, House
from balances.money import money
from ledgerlink.errors import LedgerError
from transactions.errors import InsufficientFunds
from transactions.instructions import Seen, UnitOutcome
from users.models import User

_SALT = "transactions.admin_preview"


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


@dataclass(frozen=True, slots=True)
class SeenBalance:
    """A user's balance as a preview showed it; amounts in minor units."""

    user_id: int
    currency: str
    version: int
    amount: int
    held: int
    available: int
    status: str

    @classmethod
    def of(cls, account: Account) -> "SeenBalance":
        return cls(
            account.user_id or 0,
            account.currency,
            account.version,
            account.amount,
            account.held,
            account.available,
            str(account.status),
        )


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
        return f"House: {House(account.house).label}"
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


# --- What was seen ---


def sealed(foreseen: UnitOutcome) -> str:
    """The users' balances of a preview, to be sent back with its confirmation. House accounts are
    left out: they change with whatever anybody does."""
    seen = [asdict(SeenBalance.of(b)) for b, _ in foreseen.foreseen if b.house is None]
    return signing.dumps(seen, salt=_SALT)


def unsealed(text: str) -> list[SeenBalance] | None:
    """None for what no preview has made."""
    try:
        return [SeenBalance(**balance) for balance in signing.loads(text, salt=_SALT)]
    except signing.BadSignature:
        return None


def seen_of(balances: Sequence[SeenBalance]) -> Seen:
    return {(b.user_id, b.currency): b.version for b in balances}


def changes_since(balances: Sequence[SeenBalance], foreseen: UnitOutcome) -> list[str]:
    """What is no longer as it was seen, one sentence for each balance."""
    now = {(b.user_id, b.currency): b for b, _ in foreseen.foreseen if b.house is None}
    names = _names(now.values())
    return [
        f"{names[seen.user_id]}'s balance has changed: {_difference(seen, account)}."
        for seen in balances
        if (account := now.get((seen.user_id, seen.currency))) is not None
        and account.version != seen.version
    ]


def _difference(seen: SeenBalance, now: Account) -> str:
    amounts = (
        ("posted", seen.amount, now.amount),
        ("held", seen.held, now.held),
        ("available", seen.available, now.available),
    )
    said = [
        f"{what} {money(before, seen.currency)} is now {money(after, seen.currency)}"
        for what, before, after in amounts
        if before != after
    ]
    if seen.status != now.status:
        said.append(f"it is now {BalanceStatus(now.status).label.lower()}")
    return ", ".join(said) or "money came in and went out again"
