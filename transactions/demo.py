"""The demo data: five people and some history, made through the posting engine."""

import hashlib
from dataclasses import dataclass

from django.db.transaction import atomic

from balances.enums import House, Owner
from balances.money import parse_amount
from transactions.enums import TransactionType
from transactions.instructions import Idempotency, Instruction
from transactions.models import IdempotencyKey
from transactions.processor import post_directly
from users.actors import Actor
from users.models import User
from users.roles import Role
from users.signals import users_created

PASSWORD = "demo-pass-1234"  # noqa: S105 - printed on purpose; the command refuses production
USERS = {
    "admin": Role.ADMIN,
    "finance": Role.FINANCE,
    "auditor": Role.AUDITOR,
    "alice": Role.USER,
    "bob": Role.USER,
}


@dataclass(frozen=True, slots=True)
class _Movement:
    """`source` and `destination` are usernames or house accounts."""

    type: TransactionType
    source: str | House
    destination: str | House
    amount: str
    currency: str
    description: str

    @property
    def fingerprint(self) -> str:
        parts = (self.type, self.source, self.destination, self.amount, self.currency)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


_DEPOSIT, _TRANSFER, _WITHDRAWAL = (
    TransactionType.DEPOSIT,
    TransactionType.TRANSFER,
    TransactionType.WITHDRAWAL,
)
HISTORY = (
    _Movement(_DEPOSIT, House.EXTERNAL, "alice", "1500.00", "USD", "Salary"),
    _Movement(_DEPOSIT, House.EXTERNAL, "bob", "300.00", "USD", "First deposit"),
    _Movement(_DEPOSIT, House.EXTERNAL, "alice", "800.00", "EUR", "Savings from abroad"),
    _Movement(_TRANSFER, "alice", "bob", "100.50", "USD", "Rent, shared"),
    _Movement(_TRANSFER, "alice", "bob", "49.90", "EUR", "Concert ticket"),
    _Movement(_TRANSFER, "bob", "alice", "12.34", "USD", "Lunch"),
    _Movement(_TRANSFER, "bob", "alice", "5000.00", "USD", "More than there is: refused"),
    _Movement(_TRANSFER, "bob", "alice", "20.00", "EUR", "Taxi"),
    _Movement(_WITHDRAWAL, "alice", House.EXTERNAL, "250.00", "USD", "To the bank"),
)


def seed(actor: Actor) -> tuple[int, int]:
    """Make what is missing of the users and of their history; how many of each were made.

    Raises ValidationError when somebody else has the e-mail address of a demo user.
    """
    users = _make_users(actor)
    keys = [_key(number) for number in range(1, len(HISTORY) + 1)]
    there = IdempotencyKey.objects.filter(scope=actor.scope, key__in=keys).count()
    if there == len(keys):
        return users, 0
    ids = dict(User.objects.filter(username_key__in=USERS).values_list("username_key", "pk"))
    instructions = [
        _instruction(movement, key, ids, actor) for movement, key in zip(HISTORY, keys, strict=True)
    ]
    outcomes = post_directly(instructions)
    return users, sum(1 for outcome in outcomes if outcome.posted is not None)


def _make_users(actor: Actor) -> int:
    with atomic():
        there = User.objects.filter(username_key__in=USERS).values_list("username_key", flat=True)
        known = set(there)
        made = [
            User.objects.create_user(name, f"{name}@example.com", PASSWORD, role=role)
            for name, role in USERS.items()
            if name not in known
        ]
        if made:
            users_created.send(sender=None, users=made, actor=actor)
    return len(made)


def _key(number: int) -> str:
    return f"demo-{number}"


def _instruction(
    movement: _Movement, key: str, ids: dict[str | None, int], actor: Actor
) -> Instruction:
    def owner(name: str | House) -> Owner:
        return name if isinstance(name, House) else ids[name]

    return Instruction(
        type=movement.type,
        source=owner(movement.source),
        destination=owner(movement.destination),
        amount=parse_amount(movement.amount, movement.currency),
        currency=movement.currency,
        description=movement.description,
        actor=actor,
        idempotency=Idempotency(key, movement.fingerprint, keep_answer=False),
    )
