"""Every request that moves money, and what it does to the books when nothing goes wrong."""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import uuid4

from django.http import HttpResponse

from audit.models import AuditLog
from balances.models import Balance, BalanceHistory
from tests.api.client import DEPOSIT, TRANSACTIONS, TRANSFER, WITHDRAW, Api
from tests.books import fund, hold, make_user, post_one, transfer
from transactions.models import IdempotencyKey, Transaction
from users.models import User

BATCH = f"{TRANSACTIONS}/batch"
_numbers = count(1)


@dataclass(frozen=True)
class Cast:
    alice: User
    bob: User
    as_alice: Api
    as_bob: Api


@dataclass(frozen=True)
class Movement:
    """A request with a key of its own; `send` may be called again, which repeats it."""

    by: Api
    path: str
    body: dict[str, Any]
    key: str

    def send(self) -> HttpResponse:
        return self.by.post(self.path, self.body, key=self.key)


def movement(by: Api, path: str, body: dict[str, Any]) -> Movement:
    return Movement(by, path, body, uuid4().hex)


def _transfer(cast: Cast) -> Movement:
    return movement(cast.as_alice, TRANSFER, to(cast.bob, "1.00"))


def _refused(cast: Cast) -> Movement:
    return movement(cast.as_alice, TRANSFER, to(cast.bob, "9999999.00"))


def _first(cast: Cast) -> Movement:
    """It opens the receiver's balance."""
    return movement(cast.as_alice, TRANSFER, to(make_user(f"new{next(_numbers)}"), "1.00"))


def _pending(cast: Cast) -> Movement:
    return movement(cast.as_alice, TRANSFER, {**to(cast.bob, "1.00"), "pending": True})


def _deposit(cast: Cast) -> Movement:
    return movement(cast.as_alice, DEPOSIT, {"amount": "1.00"})


def _withdrawal(cast: Cast) -> Movement:
    return movement(cast.as_alice, WITHDRAW, {"amount": "1.00"})


def _capture(cast: Cast) -> Movement:
    """Part of it, so that the rest is released."""
    pending = hold(cast.alice, cast.bob, "1.00")
    return movement(cast.as_bob, f"{TRANSACTIONS}/{pending.pk}/capture", {"amount": "0.40"})


def _cancel(cast: Cast) -> Movement:
    pending = hold(cast.alice, cast.bob, "1.00")
    return movement(cast.as_bob, f"{TRANSACTIONS}/{pending.pk}/cancel", {})


def _reverse(cast: Cast) -> Movement:
    paid = post_one(transfer(cast.alice, cast.bob, "1.00")).transaction
    assert paid is not None
    body = {"amount": "0.40", "reason": "damaged"}
    return movement(cast.as_bob, f"{TRANSACTIONS}/{paid.pk}/reverse", body)


def _batch(mode: str) -> Callable[[Cast], Movement]:
    def made(cast: Cast) -> Movement:
        items = [{"type": "transfer", **to(cast.bob, amount)} for amount in ("1.00", "2.00")]
        if mode == "independent":  # in the other mode this one would refuse them all
            items.append({"type": "transfer", **to(cast.bob, "9999999.00")})
        return movement(cast.as_alice, BATCH, {"mode": mode, "transactions": items})

    return made


def to(user: User, amount: str) -> dict[str, Any]:
    return {"to_user_id": user.pk, "amount": amount}


MOVEMENTS: dict[str, Callable[[Cast], Movement]] = {
    "transfer": _transfer,
    "refused transfer": _refused,
    "first transfer to somebody": _first,
    "pending transfer": _pending,
    "deposit": _deposit,
    "withdrawal": _withdrawal,
    "capture": _capture,
    "cancel": _cancel,
    "reverse": _reverse,
    "atomic batch": _batch("atomic"),
    "independent batch": _batch("independent"),
}


def funded(alice: User, bob: User) -> Cast:
    """Enough for all that is asked, and nothing of it is opened or read for the first time."""
    for user in (alice, bob):
        fund(user, "100000.00")
    cast = Cast(alice, bob, Api(alice), Api(bob))
    for caller in (cast.as_alice, cast.as_bob):
        caller._client.raise_request_exception = False
        assert caller.get(f"{TRANSACTIONS}").status_code == 200
    return cast


@dataclass(frozen=True)
class Books:
    """All that a movement can change: (amount, held, version) by balance, and how many rows."""

    balances: dict[int, tuple[int, int, int]]
    rows: tuple[int, ...]

    @classmethod
    def now(cls) -> "Books":
        values = Balance.objects.values_list("pk", "amount", "held", "version")
        tables = (Balance, BalanceHistory, Transaction, IdempotencyKey, AuditLog)
        return cls(
            {pk: (amount, held, version) for pk, amount, held, version in values},
            tuple(table.objects.count() for table in tables),
        )

    def since(self, before: "Books") -> tuple[Any, ...]:
        """What was done in between, whichever balances it was done to."""
        nothing = (0, 0, 0)
        changes = [
            tuple(new - old for new, old in zip(now, before.balances.get(pk, nothing), strict=True))
            for pk, now in self.balances.items()
        ]
        done = sorted(change for change in changes if change != nothing)
        return done, tuple(new - old for new, old in zip(self.rows, before.rows, strict=True))
