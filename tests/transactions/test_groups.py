"""All-or-nothing groups: every member is posted, or only the one that was refused is kept."""

import pytest

from audit.models import AuditLog
from tests.books import (
    amount_of,
    assert_books_are_sound,
    deposit,
    fund,
    idempotency,
    post_one,
    transfer,
    withdrawal,
)
from transactions import errors
from transactions.models import IdempotencyKey, Transaction
from transactions.processor import post_directly
from users.models import User

pytestmark = pytest.mark.django_db


def test_group_is_posted_whole(alice: User, bob: User, charlie: User) -> None:
    outcomes = post_directly(
        [
            deposit(alice, "10.00", group="g"),
            transfer(alice, bob, "10.00", group="g"),
            transfer(bob, charlie, "10.00", group="g"),
        ]
    )
    assert [outcome.error for outcome in outcomes] == [None, None, None]
    assert [amount_of(user) for user in (alice, bob, charlie)] == [0, 0, 1_000]
    assert_books_are_sound()


@pytest.mark.parametrize("place", [0, 1, 2])
def test_group_with_a_refused_member_moves_nothing(place: int, alice: User, bob: User) -> None:
    fund(alice, "10.00")
    members = [transfer(alice, bob, "1.00", group="g") for _ in range(2)]
    members.insert(place, transfer(alice, bob, "99.00", group="g"))
    outcomes = post_directly(members)
    kinds = [errors.GroupRefused] * 2
    kinds.insert(place, errors.InsufficientFunds)  # type: ignore[arg-type]
    assert [type(outcome.error) for outcome in outcomes] == kinds
    assert [o.transaction is not None for o in outcomes] == [i == place for i in range(3)]
    assert (amount_of(alice), amount_of(bob)) == (1_000, 0)
    assert Transaction.objects.filter(status="failed").count() == 1
    assert Transaction.objects.count() == AuditLog.objects.count() == 2
    assert_books_are_sound()


def test_group_with_an_unknown_party_leaves_no_trace(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    nobody = User(pk=10**12, username="nobody")
    outcomes = post_directly(
        [transfer(alice, bob, "1.00", group="g"), transfer(alice, nobody, "1.00", group="g")]
    )
    kinds = [type(outcome.error) for outcome in outcomes]
    assert kinds == [errors.GroupRefused, errors.UnknownParty]
    assert Transaction.objects.count() == 1
    assert amount_of(bob) == 0


def test_refused_group_disturbs_neither_what_is_before_nor_what_is_after(
    alice: User, bob: User, charlie: User
) -> None:
    outcomes = post_directly(
        [
            deposit(alice, "10.00"),
            transfer(alice, bob, "10.00", group="bad"),
            transfer(alice, bob, "0.01", group="bad"),
            transfer(alice, charlie, "6.00", group="good"),
            transfer(alice, charlie, "4.00", group="good"),
            withdrawal(charlie, "10.00"),
        ]
    )
    assert [o.error is None for o in outcomes] == [True, False, False, True, True, True]
    assert [amount_of(user) for user in (alice, bob, charlie)] == [0, 0, 0]
    assert_books_are_sound()


def test_refused_group_uses_up_no_keys_but_the_culprits(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    good = transfer(alice, bob, "1.00", group="g", idempotency=idempotency("good"))
    bad = transfer(alice, bob, "99.00", group="g", idempotency=idempotency("bad"))
    post_directly([good, bad])
    assert list(IdempotencyKey.objects.values_list("key", flat=True)) == ["bad"]
    again = post_one(transfer(alice, bob, "1.00", idempotency=idempotency("good")))
    assert (again.error, again.replayed) == (None, False)


def test_key_of_a_refused_group_is_free_later_in_the_same_batch(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    outcomes = post_directly(
        [
            transfer(alice, bob, "1.00", group="g", idempotency=idempotency("k")),
            transfer(alice, bob, "99.00", group="g"),
            transfer(alice, bob, "1.00", idempotency=idempotency("k")),
        ]
    )
    assert [outcome.replayed for outcome in outcomes] == [False, False, False]
    assert outcomes[2].error is None
    assert amount_of(bob) == 100


def test_group_sent_again_is_replayed_whole(alice: User, bob: User) -> None:
    fund(alice, "10.00")

    def asked(group: str) -> list[bool]:
        members = [
            transfer(alice, bob, "1.00", group=group, idempotency=idempotency(key)) for key in "ab"
        ]
        return [outcome.replayed for outcome in post_directly(members)]

    assert (asked("first"), asked("second")) == ([False, False], [True, True])
    assert amount_of(bob) == 200


def test_group_with_a_key_of_another_request_moves_nothing(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    post_one(transfer(alice, bob, "1.00", idempotency=idempotency("k", "first")))
    outcomes = post_directly(
        [
            transfer(alice, bob, "2.00", group="g"),
            transfer(alice, bob, "3.00", group="g", idempotency=idempotency("k", "second")),
        ]
    )
    kinds = [type(outcome.error) for outcome in outcomes]
    assert kinds == [errors.GroupRefused, errors.IdempotencyKeyReused]
    assert amount_of(bob) == 100


def test_group_with_a_refusal_that_is_replayed_shows_it_again(alice: User, bob: User) -> None:
    fund(alice, "1.00")
    first = post_one(transfer(alice, bob, "5.00", idempotency=idempotency("k")))
    fund(alice, "9.00")
    other, again = post_directly(
        [
            transfer(alice, bob, "1.00", group="g"),
            transfer(alice, bob, "5.00", group="g", idempotency=idempotency("k")),
        ]
    )
    assert again.replayed
    assert (again.transaction, first.transaction is None) == (first.transaction, False)
    assert "insufficient_funds" in str(other.error)
    assert amount_of(bob) == 0
    assert Transaction.objects.filter(status="failed").count() == 1
