"""The demo data: eight people and some history, made through the posting engine."""

import hashlib
from dataclasses import dataclass
from datetime import timedelta

from django.db.transaction import atomic
from django.utils import timezone

from balances.enums import House, Owner
from balances.money import parse_amount
from transactions.demo_requests import seed_requests
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
    "controller": Role.FINANCE,
    "auditor": Role.AUDITOR,
    "alice": Role.USER,
    "bob": Role.USER,
    "carol": Role.USER,
    "shop": Role.USER,
}


@dataclass(frozen=True, slots=True)
class _Movement:
    """`source` and `destination` are usernames or house accounts; with `held` it stays pending."""

    type: TransactionType
    source: str | House
    destination: str | House
    amount: str
    currency: str
    description: str
    reference: str = ""
    held: timedelta | None = None

    @property
    def fingerprint(self) -> str:
        parts = (self.type, self.source, self.destination, self.amount, self.currency)
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()


_DEPOSIT, _TRANSFER, _WITHDRAWAL = (
    TransactionType.DEPOSIT,
    TransactionType.TRANSFER,
    TransactionType.WITHDRAWAL,
)
_WEEK = timedelta(days=7)
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
    _Movement(_DEPOSIT, House.EXTERNAL, "carol", "2400.00", "USD", "Salary"),
    _Movement(_DEPOSIT, House.EXTERNAL, "carol", "120000", "JPY", "Travel money"),
    _Movement(_TRANSFER, "carol", "shop", "1249.00", "USD", "Laptop", "order 1041"),
    _Movement(_TRANSFER, "alice", "shop", "64.90", "USD", "Headphones", "order 1042"),
    _Movement(_TRANSFER, "bob", "shop", "18.50", "USD", "Charger", "order 1043"),
    _Movement(_WITHDRAWAL, "carol", House.EXTERNAL, "9500.00", "USD", "More than is left: refused"),
    _Movement(
        _TRANSFER, "carol", "shop", "320.00", "USD", "Camera, until it is sent", "order 1044", _WEEK
    ),
    _Movement(
        _TRANSFER, "alice", "shop", "40.00", "EUR", "Deposit for a bicycle", "order 1045", _WEEK
    ),
)


def seed(actor: Actor) -> tuple[int, int]:
    """Make what is missing of the users and of their history; how many users and how many
    transactions were made.

    Raises ValidationError when somebody else has the e-mail address of a demo user.
    """
    users = make_users(actor)
    keys = [_key(number) for number in range(1, len(HISTORY) + 1)]
    there = IdempotencyKey.objects.filter(scope=actor.scope, key__in=keys).count()
    if there == len(keys):
        return users, 0
    found = User.objects.filter(username_key__in=USERS)
    people = {user.username.lower(): user for user in found}
    instructions = [
        _instruction(movement, key, people, actor)
        for movement, key in zip(HISTORY, keys, strict=True)
    ]
    outcomes = post_directly(instructions)
    made = [outcome.posted.transaction for outcome in outcomes if outcome.posted is not None]
    orders = {transaction.reference: transaction.pk for transaction in made}
    seed_requests(orders, people)
    return users, len(made)


def make_users(actor: Actor) -> int:
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
    movement: _Movement, key: str, people: dict[str, User], actor: Actor
) -> Instruction:
    def owner(name: str | House) -> Owner:
        return name if isinstance(name, House) else people[name].pk

    return Instruction(
        type=movement.type,
        source=owner(movement.source),
        destination=owner(movement.destination),
        amount=parse_amount(movement.amount, movement.currency),
        currency=movement.currency,
        description=movement.description,
        reference=movement.reference,
        expires_at=None if movement.held is None else timezone.now() + movement.held,
        actor=actor,
        idempotency=Idempotency(key, movement.fingerprint, keep_answer=False),
    )
