"""The books against a plain model of them: whatever is asked in whatever order, both agree.

The model knows dictionaries and integers, no database, no locks. A failing run prints the steps
that led to it; `--hypothesis-seed` (shown in the header of each run) replays a whole run.
"""

import json
from copy import deepcopy
from datetime import timedelta
from operator import attrgetter
from typing import Any
from uuid import UUID

import pytest
from django.db.models import Count, F
from django.db.transaction import atomic, set_rollback
from django.utils import timezone
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from balances.enums import BalanceStatus, House
from balances.models import Balance
from tests.books import (
    SYSTEM,
    assert_books_are_sound,
    deposit,
    expire,
    idempotency,
    in_an_hour,
    instruction,
    make_user,
    transfer,
    withdrawal,
)
from tests.transactions.model_of_the_books import DONE, ModelOfTheBooks
from transactions.enums import TransactionType
from transactions.expiry import end_freezes
from transactions.instructions import (
    Instruction,
    Order,
    Outcome,
    Reversal,
    Settlement,
    StatusChange,
    Unit,
)
from transactions.models import IdempotencyKey, Transaction
from transactions.processor import post_directly, try_out

EXAMPLES = 60  # of up to 12 steps: some ten seconds
NAMES = ("alice", "bob", "charlie")
CURRENCIES = ("USD", "JPY")


def told(outcome: Outcome) -> str:
    """What the caller learns; of a replay, what was kept of the first time."""
    if outcome.replayed and outcome.answer is not None:
        return str(json.loads(outcome.answer.body).get("code", DONE))
    return outcome.error.code if outcome.error is not None else DONE


people = st.sampled_from(NAMES)
currencies = st.sampled_from(CURRENCIES)
cents = st.integers(1, 2_000)
# What most requests leave out is drawn seldom: else nearly all would be refused or replayed.
keys = st.sampled_from([None] * 20 + list("abcdeABCDE"))
versions = st.sampled_from([None] * 30 + list(range(9)))
minima = st.sampled_from([None] * 10 + [0, 100, 500])
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
    st.booleans(),  # whether it is pending
    minima,
)
statuses = st.sampled_from(
    [*[BalanceStatus.ACTIVE] * 4, BalanceStatus.DEBITS_FROZEN, BalanceStatus.FROZEN]
)
Request = tuple[str, str, str, int, str, str | None, int | None, bool, int | None]
# What becomes of an earlier transaction: which one, and how much of it.
followings = st.tuples(
    st.sampled_from(["capture", "capture", "cancel", "reverse", "reverse", "overdraw"]),
    st.integers(0, 30),
    st.one_of(st.none(), cents, st.integers(1, 100)),
    keys,
)
Following = tuple[str, int, int | None, str | None]


class Books(RuleBasedStateMachine):
    """Each example is rolled back, so that the next one begins with empty books."""

    def __init__(self) -> None:
        super().__init__()
        self.rolled_back = atomic()
        self.rolled_back.__enter__()
        self.users = {name: make_user(name) for name in NAMES}
        self.model = ModelOfTheBooks()
        self.groups = 0
        self.post([("deposit", name, "", 5_000, "USD", None, None, False, None) for name in NAMES])

    def teardown(self) -> None:
        set_rollback(True)
        self.rolled_back.__exit__(None, None, None)

    def instruction(self, request: Request, group: str | None = None) -> Instruction:
        kind, name, other, amount, currency, key, version, is_pending, least = request
        user = self.users[name]
        text = f"{amount // 100}.{amount % 100:02}" if currency == "USD" else str(amount)
        fields: dict[str, Any] = {
            "expected_version": version,
            "min_balance_after": least,
            "group": group,
        }
        if is_pending:
            fields["expires_at"] = in_an_hour()
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

    def following(self, asked: Following) -> Order:
        """Mostly about one that can be settled or reversed; about any, now and then."""
        kind, which, amount, key = asked
        wanted = "pending" if kind in {"capture", "cancel"} else "completed"
        records = self.model.records
        fitting = [pk for pk, record in records.items() if record.status == wanted]
        candidates = fitting if fitting and which % 5 < 4 else list(records)
        pk: UUID = candidates[which % len(candidates)]
        fields: dict[str, Any] = {"transaction_id": pk, "actor": SYSTEM}
        if key is not None:
            fields["idempotency"] = idempotency(key, f"{kind} {pk} {amount}")
        match kind:
            case "capture":
                return Settlement(capture_amount=amount, **fields)
            case "cancel":
                return Settlement(capture_amount=0, **fields)
            case _:
                overdraws = kind == "overdraw"
                return Reversal(amount=amount, reason="r", allow_overdraft=overdraws, **fields)

    @rule(requests=st.lists(requests, min_size=1, max_size=6))
    def post(self, requests: list[Request]) -> None:
        asked = [self.instruction(request) for request in requests]
        self.model.begin(asked)
        outcomes = [told(outcome) for outcome in post_directly(asked)]
        assert outcomes == [self.model.post(i)[0] for i in asked]

    @rule(requests=st.lists(requests, min_size=2, max_size=4), first=requests, last=requests)
    def post_group(self, requests: list[Request], first: Request, last: Request) -> None:
        """A group between two instructions that stand for themselves."""
        self.groups += 1
        group = [self.instruction(request, f"g{self.groups}") for request in requests]
        before, after = self.instruction(first), self.instruction(last)
        self.model.begin([before, *group, after])
        outcomes = [told(outcome) for outcome in post_directly([before, *group, after])]
        expected = [self.model.post(before)[0], *self.model.post_group(group)]
        assert outcomes == [*expected, self.model.post(after)[0]]

    @rule(asked=st.lists(followings, min_size=1, max_size=4), last=requests)
    def follow_up(self, asked: list[Following], last: Request) -> None:
        """Captures, cancellations and reversals, and a movement that feels them."""
        orders = [*(self.following(one) for one in asked), self.instruction(last)]
        self.model.begin(orders)
        outcomes = [told(outcome) for outcome in post_directly(orders)]
        assert outcomes == [self.model.post(order)[0] for order in orders]

    @rule(
        asked=st.lists(followings, max_size=3), requests=st.lists(requests, min_size=1, max_size=3)
    )
    def try_out(self, asked: list[Following], requests: list[Request]) -> None:
        """A dry run foretells, and the invariants see that nothing came of it."""
        orders = [*map(self.following, asked), *map(self.instruction, requests)]
        outcomes = [told(outcome) for outcome in try_out(Unit(orders)).outcomes]
        foreseen = deepcopy(self.model)
        foreseen.begin(orders)
        assert outcomes == [foreseen.post(order)[0] for order in orders]

    @precondition(lambda self: self.model.count().get("pending"))
    @rule(which=st.integers(0, 30))
    def let_one_expire(self, which: int) -> None:
        waiting = [pk for pk, r in self.model.records.items() if r.status == "pending"]
        pk = waiting[which % len(waiting)]
        expire(Transaction(pk=pk))
        self.model.records[pk].expired = True

    @rule(
        name=people,
        currency=currencies,
        status=statuses,
        ends=st.booleans(),
        last=requests,
    )
    def change_status(
        self, name: str, currency: str, status: BalanceStatus, last: Request, *, ends: bool
    ) -> None:
        """Freeze or unfreeze, and a movement of the same batch that feels it."""
        until = in_an_hour() if ends and status != BalanceStatus.ACTIVE else None
        change = StatusChange(
            user_id=self.users[name].pk,
            currency=currency,
            status=status,
            until=until,
            reason="r",
            actor=SYSTEM,
        )
        order = self.instruction(last)
        self.model.begin([change, order])
        outcomes = [told(outcome) for outcome in post_directly([change, order])]
        assert outcomes == [self.model.freeze(change), self.model.post(order)[0]]

    @precondition(lambda self: any(until for _, until in self.model.statuses.values()))
    @rule(which=st.integers(0, 5), clear=st.booleans())
    def let_a_freeze_end(self, which: int, *, clear: bool) -> None:
        """It does not count from then on, whether or not the row is cleared."""
        ending = [key for key, (_, until) in self.model.statuses.items() if until]
        owner, currency = key = ending[which % len(ending)]
        past = timezone.now() - timedelta(seconds=1)
        rows = Balance.objects.filter(user_id=owner, currency=currency)
        assert rows.update(frozen_until=past, version=F("version") + 1) == 1
        self.model.versions[key] += 1
        self.model.statuses[key] = ("over", None)
        if clear:
            cleared = [key for key, (status, _) in self.model.statuses.items() if status == "over"]
            assert end_freezes() == len(cleared)
            self.model.let_go(set(cleared))
            for key in cleared:
                del self.model.statuses[key]
                self.model.versions[key] += 1

    @invariant()
    def balances_and_entries_agree(self) -> None:
        model = self.model
        for balance in Balance.objects.prefetch_related("entries"):
            key = balance.owner, balance.currency
            entries = sorted(balance.entries.all(), key=attrgetter("version"))
            owed = 0 if isinstance(balance.owner, House) else max(0, -model.available(key))
            assert (balance.amount, balance.held, balance.forced_overdraft, balance.version) == (
                model.amounts[key],
                model.held[key],
                owed,
                model.versions[key],
            )
            assert [entry.delta for entry in entries] == model.entries[key]

    @invariant()
    def transactions_agree(self) -> None:
        rows = Transaction.objects.values("status").annotate(count=Count("id"))
        assert {row["status"]: row["count"] for row in rows} == self.model.count()
        kept = IdempotencyKey.objects.values_list("key", "fingerprint")
        assert dict(kept) == {key: asked for key, (asked, _told) in self.model.keys.items()}

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
