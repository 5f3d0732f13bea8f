"""People with money and tokens, for an empty database; Django is set up before."""

from collections.abc import Sequence

from django.contrib.auth.hashers import make_password

from balances.enums import House
from transactions.enums import TransactionType
from transactions.instructions import Instruction
from transactions.processor import post_directly
from users.actors import Actor
from users.models import User
from users.roles import Role
from users.tokens import issue

BENCH = Actor.system("bench")
BATCH = 1_000  # deposits in one database transaction


def make_users(names: Sequence[str], role: Role = Role.USER) -> list[User]:
    """In the order of `names`; nobody signs in with a password, since hashes take their time."""
    User.objects.bulk_create(
        User(username=name, email=f"{name}@example.com", password=make_password(None), role=role)
        for name in names
    )
    return list(User.objects.filter(username__in=names).order_by("pk"))


def fund(users: Sequence[User], amount: int, currency: str = "USD") -> None:
    """Deposit `amount` minor units to each."""
    for start in range(0, len(users), BATCH):
        outcomes = post_directly(
            [
                Instruction(
                    type=TransactionType.DEPOSIT,
                    source=House.EXTERNAL,
                    destination=user.pk,
                    amount=amount,
                    currency=currency,
                    actor=BENCH,
                )
                for user in users[start : start + BATCH]
            ]
        )
        assert all(outcome.error is None for outcome in outcomes)


def bearer(user: User) -> str:
    """The Authorization header of somebody who signed in just now."""
    return f"Bearer {issue(user).access}"
