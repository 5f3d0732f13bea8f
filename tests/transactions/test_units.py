"""The orders of one caller with a key for the whole, beside the keys of its members."""

import json

import pytest

from audit.models import AuditLog
from tests.books import (
    SYSTEM,
    amount_of,
    assert_books_are_sound,
    fund,
    idempotency,
    make_user,
    post_one,
    transfer,
)
from transactions import errors
from transactions.batches import post_units
from transactions.instructions import Instruction, Unit, UnitOutcome
from transactions.models import IdempotencyKey, Transaction
from transactions.processor import submit
from users.actors import Actor
from users.models import User
from users.roles import Role

pytestmark = pytest.mark.django_db


def unit(*orders: Instruction, key: str = "whole", said: str = "") -> Unit:
    return Unit(orders, idempotency(key, said))


def codes(done: UnitOutcome) -> list[str | None]:
    return [o.error.code if o.error else None for o in done.outcomes]


def test_answer_of_the_whole_is_kept_and_replayed(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    first = submit(unit(transfer(alice, bob, "6.00"), transfer(alice, bob, "6.00")))
    assert codes(first) == [None, "insufficient_funds"]
    fund(alice, "10.00")
    again = submit(unit(transfer(alice, bob, "6.00"), transfer(alice, bob, "6.00")))
    assert (first.replayed, again.replayed) == (False, True)
    assert (again.outcomes, again.answer) == ([], first.answer)
    assert first.answer is not None
    assert [item["status"] for item in json.loads(first.answer.body)["results"]] == [201, 422]
    assert amount_of(bob) == 600
    assert Transaction.objects.count() == 4
    kept = IdempotencyKey.objects.get()
    assert (kept.key, kept.transaction, kept.answer_status) == ("whole", None, 200)
    assert_books_are_sound()


def test_refused_group_is_kept_and_replayed(alice: User, bob: User) -> None:
    fund(alice, "10.00")

    def asked() -> Unit:
        return unit(
            transfer(alice, bob, "6.00", group="g"), transfer(alice, bob, "6.00", group="g")
        )

    first = submit(asked())
    assert codes(first) == ["group_refused", "insufficient_funds"]
    assert first.answer is not None
    assert first.answer.status == 422
    fund(alice, "10.00")
    again = submit(asked())
    assert (again.replayed, again.answer) == (True, first.answer)
    assert amount_of(bob) == 0


def test_key_of_the_whole_with_another_request_is_refused(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    submit(unit(transfer(alice, bob, "1.00"), said="this"))
    done = submit(unit(transfer(alice, bob, "2.00"), said="that"))
    assert type(done.error) is errors.IdempotencyKeyReused
    assert (done.outcomes, done.answer) == ([], None)
    assert amount_of(bob) == 100


def test_key_of_a_member_is_no_key_of_a_whole(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    post_one(transfer(alice, bob, "1.00", idempotency=idempotency("k")))
    done = submit(unit(transfer(alice, bob, "2.00"), key="k", said="unit"))
    assert type(done.error) is errors.IdempotencyKeyReused
    assert amount_of(bob) == 100


def test_key_of_a_whole_is_no_key_of_a_member(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    submit(unit(transfer(alice, bob, "1.00"), key="k"))
    outcome = post_one(transfer(alice, bob, "2.00", idempotency=idempotency("k")))
    assert type(outcome.error) is errors.IdempotencyKeyReused
    assert amount_of(bob) == 100


@pytest.mark.parametrize("group", [None, "g"])
def test_member_with_the_key_of_its_own_whole_is_refused(
    group: str | None, alice: User, bob: User
) -> None:
    fund(alice, "10.00")
    done = submit(
        unit(
            transfer(alice, bob, "1.00", group=group),
            transfer(alice, bob, "2.00", group=group, idempotency=idempotency("whole")),
        )
    )
    first = None if group is None else "group_refused"
    assert codes(done) == [first, "idempotency_key_reused"]
    assert amount_of(bob) == (100 if group is None else 0)
    assert IdempotencyKey.objects.count() == 1
    assert_books_are_sound()


def test_members_with_keys_are_posted_once_whatever_whole_they_come_in(
    alice: User, bob: User
) -> None:
    fund(alice, "10.00")

    def member(key: str) -> Instruction:
        return transfer(alice, bob, "1.00", idempotency=idempotency(key))

    submit(unit(member("a"), member("b"), key="1"))
    done = submit(unit(member("b"), member("c"), member("c"), key="2"))
    assert [o.replayed for o in done.outcomes] == [True, False, True]
    assert amount_of(bob) == 300
    assert Transaction.objects.count() == AuditLog.objects.count() == 4


def test_same_unit_twice_in_one_batch_is_posted_once(alice: User, bob: User) -> None:
    """As when two requests meet in the queue."""
    fund(alice, "10.00")
    results = post_units([unit(transfer(alice, bob, "1.00")) for _ in range(3)])
    done = [result for result in results if isinstance(result, UnitOutcome)]
    assert [one.replayed for one in done] == [False, True, True]
    assert len({one.answer for one in done}) == 1
    assert amount_of(bob) == 100


def test_unit_of_refused_members_does_not_disturb_its_neighbours(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    results = post_units(
        [
            unit(transfer(alice, bob, "9.00", group="g"), transfer(alice, bob, "9.00", group="g")),
            Unit([transfer(alice, bob, "10.00")]),
        ]
    )
    assert [codes(r) for r in results if isinstance(r, UnitOutcome)] == [
        ["group_refused", "insufficient_funds"],
        [None],
    ]
    assert amount_of(bob) == 1_000


def test_keys_of_two_callers_never_meet(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    for actor in (SYSTEM, Actor.of(alice), Actor.of(make_user("finance", Role.FINANCE))):
        assert not submit(unit(transfer(alice, bob, "1.00", actor=actor))).replayed
    assert amount_of(bob) == 300
