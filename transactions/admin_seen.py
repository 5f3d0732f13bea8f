"""What a page showed of the books. It goes with the page's form and comes back with it, sealed, and
tells then whether the books still stand so."""

from dataclasses import asdict, dataclass
from typing import Self

from django.core import signing

from balances.accounts import Account
from balances.enums import BalanceStatus
from balances.money import money
from transactions.instructions import Seen, UnitOutcome
from transactions.limits import Standing
from users.models import User

_SALT = "transactions.admin_seen"


@dataclass(frozen=True, slots=True)
class SeenBalance:
    """A user's balance as a page showed it; amounts in minor units."""

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


@dataclass(frozen=True, slots=True)
class Sight:
    """The users' balances that a page showed, or the limit. House accounts are left out: they
    change with whatever anybody does."""

    balances: tuple[SeenBalance, ...]
    limit: Standing | None = None

    @classmethod
    def of(cls, foreseen: UnitOutcome, limit: Standing | None) -> Self:
        users = (before for before, _ in foreseen.foreseen if before.house is None)
        return cls(tuple(map(SeenBalance.of, users)), limit)

    def sealed(self, about: str) -> str:
        """`about` is what the page was about: it can't be sent back with anything else."""
        return signing.dumps(asdict(self), salt=f"{_SALT}:{about}")

    @classmethod
    def unsealed(cls, text: str, about: str) -> Self | None:
        """None for what no page about this has shown."""
        try:
            shown = signing.loads(text, salt=f"{_SALT}:{about}")
        except signing.BadSignature:
            return None
        balances = tuple(SeenBalance(**balance) for balance in shown["balances"])
        return cls(balances, Standing(**shown["limit"]) if shown["limit"] else None)

    @property
    def versions(self) -> Seen:
        return {(b.user_id, b.currency): b.version for b in self.balances}

    @property
    def limit_version(self) -> int | None:
        return None if self.limit is None else self.limit.version

    def changes(self, now: "Sight") -> list[str]:
        """What is no longer as it was seen, one sentence for each balance."""
        there = {(b.user_id, b.currency): b for b in now.balances}
        ids = [b.user_id for b in now.balances]
        names = dict(User.objects.filter(pk__in=ids).values_list("pk", "username"))
        said = [
            f"{names[seen.user_id]}'s balance has changed: {_difference(seen, balance)}."
            for seen in self.balances
            if (balance := there.get((seen.user_id, seen.currency))) is not None
            and balance.version != seen.version
        ]
        if self.limit is not None and now.limit is not None and self.limit != now.limit:
            said.append(f"The limits have changed: {_difference_of_limits(self.limit, now.limit)}.")
        return said


def _difference(seen: SeenBalance, now: SeenBalance) -> str:
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


def _difference_of_limits(seen: Standing, now: Standing) -> str:
    amounts = (
        ("at once", seen.per_transaction, now.per_transaction),
        ("in a day", seen.per_day, now.per_day),
    )
    said = [
        f"{what} {limit_text(before, seen.currency)} is now {limit_text(after, seen.currency)}"
        for what, before, after in amounts
        if before != after
    ]
    return ", ".join(said) or "they were set anew, to the same amounts"


def limit_text(minor: int | None, currency: str) -> str:
    return "no limit" if minor is None else money(minor, currency)
