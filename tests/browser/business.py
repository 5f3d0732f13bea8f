"""What the customers of the pictures do: pay in, pay each other and the shop, draw, overspend."""

import random
from dataclasses import replace
from datetime import datetime
from itertools import count
from uuid import UUID

from balances.enums import House, Owner
from transactions.demo import PASSWORD, make_users
from transactions.enums import TransactionType
from transactions.instructions import Instruction
from transactions.processor import post_directly
from users.actors import Actor
from users.models import User
from users.signals import users_created

CUSTOMERS = ("alice", "bob", "carol", "dora", "emil", "farah", "goran", "hanna", "ivan")
DEPOSIT, TRANSFER, WITHDRAWAL = (
    TransactionType.DEPOSIT,
    TransactionType.TRANSFER,
    TransactionType.WITHDRAWAL,
)
BOUGHT = ("Groceries", "Headphones", "Concert ticket", "Bicycle bell", "Books", "Coffee machine")
BETWEEN_FRIENDS = ("Rent, shared", "Lunch", "Birthday present", "Taxi")
ORDERS_BEGIN = 700


class Business:
    """Amounts are cents of a dollar; some are more than there is."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._actor = Actor.system("seed_demo")
        make_users(self._actor)
        there = set(User.objects.values_list("username", flat=True))
        new = [name for name in CUSTOMERS if name not in there]
        made = [User.objects.create_user(n, f"{n}@example.com", PASSWORD) for n in new]
        users_created.send(sender=None, users=made, actor=self._actor)
        ids = dict(User.objects.values_list("username", "pk"))
        self._shop, self._customers = ids["shop"], [ids[name] for name in CUSTOMERS]
        self._orders = count(ORDERS_BEGIN)

    def go_on(self, at: datetime) -> None:
        customer, friend = self._chance.sample(self._customers, 2)
        made = self._chance.choice(
            (
                self._deposit(customer),
                self._deposit(customer),
                self._withdrawal(customer),
                self._transfer(customer, friend, self._chance.choice(BETWEEN_FRIENDS)),
                *[self._order(customer)] * 3,
            )
        )
        post_directly([replace(made, id=self._key(at))])

    def _deposit(self, customer: int) -> Instruction:
        amount = self._chance.randint(20, 180) * 1_000
        return self._movement(DEPOSIT, (House.EXTERNAL, customer), amount, "Salary")

    def _withdrawal(self, customer: int) -> Instruction:
        amount = self._chance.randint(5, 60) * 1_000
        return self._movement(WITHDRAWAL, (customer, House.EXTERNAL), amount, "To the bank")

    def _transfer(self, payer: int, receiver: int, description: str) -> Instruction:
        amount = self._chance.randint(390, 24_900)
        return self._movement(TRANSFER, (payer, receiver), amount, description)

    def _order(self, customer: int) -> Instruction:
        made = self._transfer(customer, self._shop, self._chance.choice(BOUGHT))
        return replace(made, reference=f"order {next(self._orders)}")

    def _movement(
        self, kind: TransactionType, parties: tuple[Owner, Owner], amount: int, description: str
    ) -> Instruction:
        source, destination = parties
        return Instruction(
            type=kind,
            source=source,
            destination=destination,
            amount=amount,
            currency="USD",
            description=description,
            actor=self._actor,
        )

    def _key(self, at: datetime) -> UUID:
        """A UUIDv7 of that moment (RFC 9562)."""
        milliseconds = int(at.timestamp() * 1000)
        low = self._chance.getrandbits(74)
        return UUID(
            int=milliseconds << 80 | 7 << 76 | (low >> 62) << 64 | 2 << 62 | low & (2**62 - 1)
        )
