"""Real threads on one set of books: no double spend, no deadlock, no money made or lost."""

import random
from collections import Counter
from functools import partial

import pytest

from balances.models import Balance
from tests.books import (
    SYSTEM,
    amount_of,
    assert_books_are_sound,
    deposit,
    fund,
    idempotency,
    make_user,
    post_one,
    transfer,
    withdrawal,
)
from tests.concurrency import at_once, post_at_once, tally
from transactions import errors
from transactions.instructions import Instruction, Unit, UnitOutcome
from transactions.models import Transaction
from transactions.processor import Processor, submit
from transactions.representation import answer_of_outcome
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.mark.parametrize("kind", ["transfer", "withdrawal", "both"])
def test_ten_debits_of_everything_at_once_succeed_once(
    kind: str, mode: str, alice: User, bob: User
) -> None:
    fund(alice, "100.00")
    drawn = [withdrawal(alice, "100.00") for _ in range(10)]
    sent = [transfer(alice, bob, "100.00") for _ in range(10)]
    asked = {"transfer": sent, "withdrawal": drawn, "both": sent[:5] + drawn[:5]}[kind]
    assert tally(post_at_once(asked)) == {"completed": 1, "insufficient_funds": 9}
    assert amount_of(alice) == 0
    assert_books_are_sound()


def test_opposite_transfers_end_and_conserve_money(mode: str, alice: User, bob: User) -> None:
    fund(alice, "10.00")
    fund(bob, "10.00")
    there = [transfer(alice, bob, "0.10") for _ in range(10)]
    back = [transfer(bob, alice, "0.30") for _ in range(10)]
    assert tally(post_at_once([*there, *back])) == {"completed": 20}
    assert (amount_of(alice), amount_of(bob)) == (1_200, 800)
    assert_books_are_sound()


def test_transfers_around_a_circle_end_and_conserve_money(mode: str, db: None) -> None:
    circle = [make_user(f"friend-{number}") for number in range(6)]
    for friend in circle:
        fund(friend, "1.00")
    pairs = [(a, b) for a in circle for b in circle if a != b]
    random.shuffle(pairs)
    outcomes = post_at_once([transfer(a, b, "0.05") for a, b in pairs])
    assert tally(outcomes) == {"completed": 30}
    assert [amount_of(friend) for friend in circle] == [100] * 6
    assert_books_are_sound()


def test_hot_account_takes_all_that_comes(mode: str, alice: User) -> None:
    payers = [make_user(f"payer-{number}") for number in range(20)]
    for payer in payers:
        fund(payer, "1.00")
    assert tally(post_at_once([transfer(p, alice, "1.00") for p in payers])) == {"completed": 20}
    assert amount_of(alice) == 2_000
    assert_books_are_sound()


def test_same_key_at_once_posts_once_and_answers_all_alike(
    mode: str, alice: User, bob: User
) -> None:
    fund(alice, "100.00")
    asked = [transfer(alice, bob, "1.00", idempotency=idempotency("k")) for _ in range(10)]
    outcomes = post_at_once(asked)
    assert sorted(outcome.replayed for outcome in outcomes) == [False] + [True] * 9
    assert len({answer_of_outcome(outcome, SYSTEM) for outcome in outcomes}) == 1
    assert len({outcome.transaction.pk for outcome in outcomes if outcome.transaction}) == 1
    assert amount_of(bob) == 100
    assert Transaction.objects.count() == 2
    assert_books_are_sound()


def test_same_key_with_other_requests_at_once_posts_one_of_them(
    mode: str, alice: User, bob: User
) -> None:
    fund(alice, "100.00")
    amounts = [f"{number}.00" for number in range(1, 9)]
    asked = [transfer(alice, bob, a, idempotency=idempotency("k", a)) for a in amounts]
    assert tally(post_at_once(asked)) == {"completed": 1, "idempotency_key_reused": 7}
    assert Transaction.objects.count() == 2
    assert_books_are_sound()


def test_first_balance_is_opened_once_by_many(mode: str, alice: User) -> None:
    asked = [deposit(alice, "1.00", currency) for currency in ("USD", "EUR", "BHD") * 5]
    assert tally(post_at_once(asked)) == {"completed": 15}
    assert Balance.objects.filter(user=alice).count() == 3
    assert Balance.objects.count() == 6
    assert (amount_of(alice), amount_of(alice, "BHD")) == (500, 5_000)
    assert_books_are_sound()


def test_expected_version_is_met_by_one_of_many(mode: str, alice: User, bob: User) -> None:
    fund(alice, "100.00")
    asked = [transfer(alice, bob, "1.00", expected_version=1) for _ in range(10)]
    assert tally(post_at_once(asked)) == {"completed": 1, "version_conflict": 9}
    assert amount_of(bob) == 100


def test_groups_at_once_stay_whole(mode: str, alice: User, bob: User, charlie: User) -> None:
    """Each group needs 60 of the 100: one is posted, of the others nothing."""
    fund(alice, "100.00")

    def group(name: str) -> list[Instruction]:
        receivers = (bob, charlie)
        return [transfer(alice, receiver, "30.00", group=name) for receiver in receivers]

    results = at_once([partial(submit, Unit(group(f"g{number}"))) for number in range(6)])
    posted = [
        r
        for r in results
        if isinstance(r, UnitOutcome) and all(o.error is None for o in r.outcomes)
    ]
    assert len(posted) == 1
    assert (amount_of(alice), amount_of(bob), amount_of(charlie)) == (4_000, 3_000, 3_000)
    assert_books_are_sound()


def test_many_small_debits_spend_exactly_what_is_there(
    alice: User, bob: User, queued: Processor
) -> None:
    fund(alice, "1.00")

    def spend() -> list[str]:
        units = [Unit([transfer(alice, bob, "0.03")]) for _ in range(5)]
        outcomes = [outcome for unit in units for outcome in submit(unit).outcomes]
        return [o.error.code if o.error is not None else "completed" for o in outcomes]

    told = Counter(word for words in at_once([spend] * 10) for word in words)  # type: ignore[union-attr] # no call raises
    assert told == {"completed": 33, "insufficient_funds": 17}
    assert (amount_of(alice), amount_of(bob)) == (1, 99)
    assert post_one(transfer(alice, bob, "0.02")).error is not None
    assert errors.InsufficientFunds.code in told
    assert_books_are_sound()
