"""The database vanishes while money is being posted: nothing is lost, nothing is doubled."""

import json
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone

from bench.servers.process import free_port
from ledgerlink.errors import Unavailable
from tests.books import (
    SYSTEM,
    amount_of,
    assert_books_are_sound,
    balance_of,
    deposit,
    fund,
    idempotency,
    post_one,
    transfer,
)
from tests.concurrency import in_background
from tests.faults.wire import CutOnCommit
from tests.signals import connected
from transactions import errors
from transactions.instructions import Order, Reversal, Settlement
from transactions.models import IdempotencyKey, Transaction
from transactions.processor import post_directly
from transactions.recovery import already_posted
from transactions.representation import answer_of_outcome
from transactions.signals import transactions_posted
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)
on_a_server = pytest.mark.skipif("connection.vendor == 'sqlite'", reason="SQLite has no network")


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Iterator[CutOnCommit]:
    """New connections to the database server go over it."""
    with CutOnCommit(int(connection.settings_dict["PORT"])) as wire:
        connection.close()
        monkeypatch.setitem(connection.settings_dict, "PORT", str(wire.port))
        yield wire
    monkeypatch.undo()
    connection.close()


@on_a_server
@pytest.mark.parametrize("when", ["before", "after"])
def test_connection_lost_at_the_commit_posts_once(
    when: str,
    alice: User,
    bob: User,
    wire: CutOnCommit,
) -> None:
    fund(alice, "10.00")
    wire.arm(deliver=when == "after")
    outcome = post_one(transfer(alice, bob, "1.00", idempotency=idempotency("k")))
    assert wire.cuts == 1
    assert (outcome.error, outcome.replayed) == (None, False)
    assert answer_of_outcome(outcome, SYSTEM).status == 201
    assert (amount_of(alice), amount_of(bob)) == (900, 100)
    again = post_one(transfer(alice, bob, "1.00", idempotency=idempotency("k")))
    assert again.replayed
    assert answer_of_outcome(again, SYSTEM) == answer_of_outcome(outcome, SYSTEM)
    assert Transaction.objects.count() == 2
    assert_books_are_sound()


@on_a_server
@pytest.mark.parametrize("when", ["before", "after"])
def test_refusal_whose_commit_was_lost_is_told_as_it_will_be_replayed(
    when: str, alice: User, bob: User, wire: CutOnCommit
) -> None:
    fund(alice, "10.00")
    wire.arm(deliver=when == "after")
    asked = [
        transfer(alice, bob, "1.00", expected_version=9, idempotency=idempotency("k"))
        for _ in range(2)
    ]
    first, again = (answer_of_outcome(post_one(one), SYSTEM) for one in asked)
    assert wire.cuts == 1
    assert first == again
    assert json.loads(first.body)["current_version"] == 1


@on_a_server
@pytest.mark.parametrize("when", ["before", "after"])
def test_batch_whose_commit_was_lost_answers_as_if_it_was_not(
    when: str,
    alice: User,
    bob: User,
    wire: CutOnCommit,
) -> None:
    fund(alice, "10.00")
    post_one(transfer(alice, bob, "1.00", idempotency=idempotency("used")))
    nobody = User(pk=10**12, username="nobody")
    wire.arm(deliver=when == "after")
    outcomes = post_directly(
        [
            transfer(alice, bob, "1.00"),
            transfer(alice, bob, "99.00"),
            transfer(alice, nobody, "1.00"),
            transfer(alice, bob, "1.00", group="bad"),
            transfer(alice, bob, "99.00", group="bad"),
            transfer(alice, bob, "1.00", group="good", idempotency=idempotency("used")),
            transfer(alice, bob, "1.00", group="good"),
            transfer(alice, bob, "1.00", idempotency=idempotency("twice")),
            transfer(alice, bob, "1.00", idempotency=idempotency("twice")),
        ]
    )
    assert wire.cuts == 1
    kinds = [type(outcome.error) for outcome in outcomes]
    fine, poor = type(None), errors.InsufficientFunds
    group = errors.GroupRefused
    assert kinds == [fine, poor, errors.UnknownParty, group, poor, fine, fine, fine, fine]
    replayed = [number for number, outcome in enumerate(outcomes) if outcome.replayed]
    assert replayed == [5, 8]
    assert amount_of(bob) == 400
    assert_books_are_sound()


@on_a_server
@pytest.mark.parametrize("when", ["before", "after"])
def test_capture_and_reversal_whose_commits_were_lost_happen_once(
    when: str, alice: User, bob: User, wire: CutOnCommit
) -> None:
    fund(alice, "10.00")
    held = transfer(alice, bob, "5.00", expires_at=timezone.now() + timedelta(hours=1))
    back = Reversal(transaction_id=held.id, amount=100, reason="one too many", actor=SYSTEM)
    orders: list[Order] = [
        held,
        Settlement(transaction_id=held.id, capture_amount=400, actor=SYSTEM),
        back,
    ]
    for order in orders:
        wire.arm(deliver=when == "after")
        (outcome,) = post_directly([order])
        assert outcome.error is None
    assert wire.cuts == 3
    assert (amount_of(alice), amount_of(bob)) == (700, 300)
    assert balance_of(alice).held == 0
    assert_books_are_sound()


@on_a_server
@pytest.mark.parametrize("times", [1, 2])
def test_connection_killed_before_the_commit_posts_once(times: int, alice: User, bob: User) -> None:
    fund(alice, "10.00")
    left = [times]

    def kill() -> None:
        if left[0]:
            left[0] -= 1
            number = connection.connection.thread_id()
            with in_background() as start:
                start(lambda: run(f"KILL CONNECTION {number}")).result()

    with connected(transactions_posted, kill):
        assert post_one(transfer(alice, bob, "1.00")).error is None
    assert left == [0]
    assert (amount_of(alice), amount_of(bob)) == (900, 100)
    assert_books_are_sound()


def run(sql: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql)


@on_a_server
def test_idle_connection_that_the_server_ended_is_replaced(alice: User) -> None:
    fund(alice, "1.00")
    number = connection.connection.thread_id()
    with in_background() as start:
        start(lambda: run(f"KILL CONNECTION {number}")).result()
    fund(alice, "1.00")
    assert amount_of(alice) == 200


@on_a_server
def test_database_that_cannot_be_reached_moves_nothing_and_comes_back(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund(alice, "10.00")
    connection.close()
    with monkeypatch.context() as patch:
        patch.setitem(connection.settings_dict, "PORT", str(free_port()))
        with pytest.raises(Unavailable) as refusal:
            post_one(transfer(alice, bob, "1.00"))
        assert type(refusal.value) is Unavailable
        assert refusal.value.retry_after == 2
    assert post_one(transfer(alice, bob, "1.00")).error is None
    assert amount_of(bob) == 100


@on_a_server
def test_database_lost_for_good_at_the_commit_leaves_the_outcome_open(
    alice: User, bob: User, wire: CutOnCommit, monkeypatch: pytest.MonkeyPatch
) -> None:
    fund(alice, "10.00")

    def cut() -> None:
        wire.arm(deliver=True)
        monkeypatch.setitem(connection.settings_dict, "PORT", str(free_port()))

    asked = transfer(alice, bob, "1.00", idempotency=idempotency("k"))
    with connected(transactions_posted, cut), pytest.raises(errors.OutcomeUnknown):
        post_one(asked)
    monkeypatch.setitem(connection.settings_dict, "PORT", str(wire.port))
    assert post_one(transfer(alice, bob, "1.00", idempotency=idempotency("k"))).replayed
    assert amount_of(bob) == 100


def test_what_was_posted_is_found_by_its_ids(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    posted = [transfer(alice, bob, "1.00"), transfer(alice, bob, "99.00")]
    outcomes = post_directly(posted)
    later = transfer(alice, bob, "1.00")
    found = already_posted([*posted, later])
    assert set(found) == {i.id for i in posted}
    for asked, outcome in zip(posted, outcomes, strict=True):
        again = found[asked.id]
        assert again.transaction == outcome.transaction
        assert type(again.error) is type(outcome.error)
        assert again.posted is not None
        assert again.posted.from_user == outcome.posted.from_user if outcome.posted else False
        assert answer_of_outcome(again, SYSTEM).status == answer_of_outcome(outcome, SYSTEM).status


def test_deposit_that_is_found_shows_the_receivers_balance(alice: User) -> None:
    asked = deposit(alice, "1.00")
    (outcome,) = post_directly([asked])
    again = already_posted([asked])[asked.id]
    assert answer_of_outcome(again, SYSTEM) == answer_of_outcome(outcome, SYSTEM)


@pytest.mark.parametrize("culprit", ["99.00", None])
def test_group_that_is_found_answers_for_all_its_members(
    culprit: str | None, alice: User, bob: User
) -> None:
    fund(alice, "10.00")
    members = [transfer(alice, bob, "1.00", group="g") for _ in range(2)]
    if culprit is not None:
        members.append(transfer(alice, bob, culprit, group="g"))
    first = post_directly(members)
    found = already_posted(members)
    kinds = [type(found[asked.id].error) for asked in members]
    assert kinds == [type(outcome.error) for outcome in first]
    assert not IdempotencyKey.objects.exists()


def test_replayed_member_of_a_group_that_was_posted_is_not_taken_for_refused(
    alice: User, bob: User
) -> None:
    fund(alice, "10.00")
    post_one(transfer(alice, bob, "1.00", idempotency=idempotency("used")))
    members = [
        transfer(alice, bob, "1.00", group="g", idempotency=idempotency("used")),
        transfer(alice, bob, "2.00", group="g"),
    ]
    post_directly(members)
    assert set(already_posted(members)) == {members[1].id}
