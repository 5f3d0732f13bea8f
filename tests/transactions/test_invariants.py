"""The books against a plain model of them: whatever is asked in whatever order, both agree.

The model knows dictionaries and integers, no database, no locks. A failing run prints the steps
that led to it; `--hypothesis-seed` (shown in the header of each run) replays a whole run.
"""

from collections import defaultdict
from copy import deepcopy
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

import pytest
from django.db.models import Count, F
from django.db.transaction import atomic, set_rollback
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from balances.enums import BalanceStatus, House
from balances.models import Balance
from tests.books import (
    assert_books_are_sound,
    deposit,
    idempotency,
    instruction,
    make_user,
    transfer,
    withdrawal,
)
from transactions.enums import TransactionType
from transactions.instructions import Instruction, Outcome
from transactions.models import IdempotencyKey, Transaction
from transactions.processor import post_directly

EXAMPLES = 60  # of up to 12 steps: some ten seconds
NAMES = ("alice", "bob", "charlie")
CURRENCIES = ("USD", "JPY")
Key = tuple[Any, str]  # user's id or house account, and currency


@dataclass
class ModelOfTheBooks:
    """What the rules say, in the fewest words."""

    amounts: dict[Key, int] = field(default_factory=lambda: defaultdict(int))
    versions: dict[Key, int] = field(default_factory=lambda: defaultdict(int))
    entries: dict[Key, list[int]] = field(default_factory=lambda: defaultdict(list))
    statuses: dict[Key, str] = field(default_factory=dict)
    keys: dict[str, tuple[str, str]] = field(default_factory=dict)  # fingerprint, what was told
    kept: dict[str, int] = field(default_factory=lambda: defaultdict(int))  # by status

    def refusal(self, i: Instruction) -> str | None:
        source, destination = i.source_key, i.destination_key
        if source == destination:
            return "self_transfer"
        if i.expected_version is not None and i.expected_version != self.versions[source]:
            return "version_conflict"
        stopped = (
            self.statuses.get(source, "active") != "active"
            or self.statuses.get(destination) == "frozen"
        )
        if stopped:
            return "balance_frozen"
        if not isinstance(i.source, House) and self.amounts[source] < i.amount:
            return "insufficient_funds"
        return None

    def post(self, i: Instruction) -> tuple[str, bool]:
        """What the caller is told, and whether a transaction was kept."""
        if i.idempotency is not None and i.idempotency.key in self.keys:
            fingerprint, told = self.keys[i.idempotency.key]
            same = fingerprint == i.idempotency.fingerprint
            return (told if same else "idempotency_key_reused"), False
        told = self.refusal(i) or "completed"
        if told == "completed":
            for key, delta in ((i.source_key, -i.amount), (i.destination_key, i.amount)):
                self.amounts[key] += delta
                self.versions[key] += 1
                self.entries[key].append(delta)
        if told != "self_transfer":
            self.keep(i, told)
        return told, told != "self_transfer"

    def keep(self, i: Instruction, told: str) -> None:
        self.kept["completed" if told == "completed" else "failed"] += 1
        if i.idempotency is not None:
            self.keys[i.idempotency.key] = (i.idempotency.fingerprint, told)

    def post_group(self, members: list[Instruction]) -> list[str]:
        trial = deepcopy(self)
        for place, member in enumerate(members):
            told, kept = trial.post(member)
            if told != "completed":
                if kept:
                    self.keep(member, told)
                return [told if n == place else "group_refused" for n in range(len(members))]
        vars(self).update(vars(trial))
        return ["completed"] * len(members)


def told(outcome: Outcome) -> str:
    return outcome.error.code if outcome.error is not None else "completed"


people = st.sampled_from(NAMES)
currencies = st.sampled_from(CURRENCIES)
cents = st.integers(1, 2_000)
keys = st.one_of(st.none(), st.sampled_from("abcdeABCDE"))
versions = st.one_of(st.none(), st.none(), st.integers(0, 8))
requests = st.tuples(
    st.sampled_from(
        ["deposit", "withdrawal", "transfer", "transfer", "adjustment up", "adjustment down"]
    ),
    people,
    people,
    cents,
    currencies,
    keys,
    versions,
)
statuses = st.sampled_from(
    [BalanceStatus.ACTIVE, BalanceStatus.DEBITS_FROZEN, BalanceStatus.FROZEN]
)
Request = tuple[str, str, str, int, str, str | None, int | None]


class Books(RuleBasedStateMachine):
    """Each example is rolled back, so that the next one begins with empty books."""

    def __init__(self) -> None:
        super().__init__()
        self.rolled_back = atomic()
        self.rolled_back.__enter__()
        self.users = {name: make_user(name) for name in NAMES}
        self.model = ModelOfTheBooks()
        self.groups = 0

    def teardown(self) -> None:
        set_rollback(True)
        self.rolled_back.__exit__(None, None, None)

    def instruction(self, request: Request, group: str | None = None) -> Instruction:
        kind, name, other, amount, currency, key, version = request
        user = self.users[name]
        text = f"{amount // 100}.{amount % 100:02}" if currency == "USD" else str(amount)
        fields: dict[str, Any] = {"expected_version": version, "group": group}
        if key is not None:
            fields["idempotency"] = idempotency(key, repr(request))
        adjustment, house = TransactionType.ADJUSTMENT, House.ADJUSTMENTS
        match kind:
            case "deposit":
                return deposit(user, text, currency, **fields)
            case "withdrawal":
                return withdrawal(user, text, currency, **fields)
            case "transfer":
                return transfer(user, self.users[other], text, currency, **fields)
            case "adjustment up":
                return instruction(adjustment, house, user, text, currency, **fields)
            case _:
                return instruction(adjustment, user, house, text, currency, **fields)

    @rule(requests=st.lists(requests, min_size=1, max_size=6))
    def post(self, requests: list[Request]) -> None:
        asked = [self.instruction(request) for request in requests]
        outcomes = [told(outcome) for outcome in post_directly(asked)]
        assert outcomes == [self.model.post(i)[0] for i in asked]

    @rule(requests=st.lists(requests, min_size=2, max_size=4), first=requests, last=requests)
    def post_group(self, requests: list[Request], first: Request, last: Request) -> None:
        """A group between two instructions that stand for themselves."""
        self.groups += 1
        group = [self.instruction(request, f"g{self.groups}") for request in requests]
        before, after = self.instruction(first), self.instruction(last)
        outcomes = [told(outcome) for outcome in post_directly([before, *group, after])]
        expected = [self.model.post(before)[0], *self.model.post_group(group)]
        assert outcomes == [*expected, self.model.post(after)[0]]

    @rule(name=people, currency=currencies, status=statuses)
    def change_status(self, name: str, currency: str, status: str) -> None:
        rows = Balance.objects.filter(user=self.users[name], currency=currency)
        if rows.update(status=status, version=F("version") + 1):
            key = self.users[name].pk, currency
            self.model.statuses[key] = status
            self.model.versions[key] += 1

    @invariant()
    def balances_and_entries_agree(self) -> None:
        for balance in Balance.objects.prefetch_related("entries"):
            key = balance.owner, balance.currency
            entries = sorted(balance.entries.all(), key=attrgetter("version"))
            assert (balance.amount, balance.version) == (
                self.model.amounts[key],
                self.model.versions[key],
            )
            assert [entry.delta for entry in entries] == self.model.entries[key]

    @invariant()
    def transactions_agree(self) -> None:
        rows = Transaction.objects.values("status").annotate(count=Count("id"))
        assert {row["status"]: row["count"] for row in rows} == self.model.kept
        assert set(IdempotencyKey.objects.values_list("key", flat=True)) == set(self.model.keys)

    @invariant()
    def books_are_sound(self) -> None:
        assert_books_are_sound()


@pytest.mark.django_db
def test_books_agree_with_a_plain_model_of_them() -> None:
    run_state_machine_as_test(
        Books,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=12,
            deadline=None,
            print_blob=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
