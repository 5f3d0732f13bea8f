"""One key, one posting: what was answered first is answered again, success or refusal."""

import json
from dataclasses import replace

import pytest

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
from transactions.instructions import Idempotency
from transactions.models import IdempotencyKey, Transaction
from transactions.processor import post_directly
from transactions.representation import answer_of_outcome
from users.actors import Actor
from users.models import User
from users.roles import Role

pytestmark = pytest.mark.django_db


def test_success_is_replayed_with_the_first_answer(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    first = post_one(transfer(alice, bob, "1.00", idempotency=idempotency("k")))
    post_one(transfer(alice, bob, "2.00"))
    second = post_one(transfer(alice, bob, "1.00", idempotency=idempotency("k")))
    assert (first.replayed, second.replayed) == (False, True)
    assert second.transaction == first.transaction
    assert answer_of_outcome(second, SYSTEM) == answer_of_outcome(first, SYSTEM)
    assert json.loads(answer_of_outcome(second, SYSTEM).body)["balance"]["amount"] == "9.00"
    assert amount_of(bob) == 300
    assert_books_are_sound()


def test_refusal_is_replayed_although_the_money_is_there_now(alice: User, bob: User) -> None:
    first = post_one(transfer(alice, bob, "1.00", idempotency=idempotency("k")))
    fund(alice, "10.00")
    second = post_one(transfer(alice, bob, "1.00", idempotency=idempotency("k")))
    assert type(second.error) is type(first.error) is errors.InsufficientFunds
    assert second.replayed
    assert answer_of_outcome(second, SYSTEM) == answer_of_outcome(first, SYSTEM)
    assert answer_of_outcome(second, SYSTEM).status == 422
    assert amount_of(bob) == 0


@pytest.mark.parametrize("keep_answer", [True, False])
def test_refusal_without_a_transaction_uses_its_key_up_where_answers_are_kept(
    keep_answer: bool,  # noqa: FBT001 - a case of the test
    alice: User,
) -> None:
    """A command asks again, once there is somebody."""
    fund(alice, "10.00")
    key = Idempotency("k", "f", keep_answer=keep_answer)
    nobody = User(pk=10**12, username="nobody")
    first, again = (post_one(transfer(alice, nobody, "1.00", idempotency=key)) for _ in range(2))
    assert type(first.error) is errors.UnknownParty
    assert again.replayed is keep_answer
    assert answer_of_outcome(again, SYSTEM) == answer_of_outcome(first, SYSTEM)
    other = transfer(alice, nobody, "2.00", idempotency=replace(key, fingerprint="g"))
    expected = errors.IdempotencyKeyReused if keep_answer else errors.UnknownParty
    assert type(post_one(other).error) is expected


def test_key_twice_in_one_batch_posts_once(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    outcomes = post_directly(
        [transfer(alice, bob, "1.00", idempotency=idempotency("k")) for _ in range(3)]
    )
    assert [outcome.replayed for outcome in outcomes] == [False, True, True]
    assert len({outcome.transaction.pk for outcome in outcomes if outcome.transaction}) == 1
    assert len({answer_of_outcome(outcome, SYSTEM) for outcome in outcomes}) == 1
    assert amount_of(bob) == 100


@pytest.mark.parametrize("at_once", [True, False])
def test_key_with_another_request_is_refused(at_once: bool, alice: User, bob: User) -> None:  # noqa: FBT001 - a case of the test
    fund(alice, "10.00")
    first = transfer(alice, bob, "1.00", idempotency=idempotency("k", "1.00"))
    other = transfer(alice, bob, "2.00", idempotency=idempotency("k", "2.00"))
    if at_once:
        outcome = post_directly([first, other])[1]
    else:
        post_one(first)
        outcome = post_one(other)
    assert type(outcome.error) is errors.IdempotencyKeyReused
    assert outcome.transaction is None
    assert amount_of(bob) == 100
    assert Transaction.objects.count() == 2


@pytest.mark.parametrize("other", ["K", "k ", " k", "k\t", "kk"])
def test_keys_that_differ_at_all_are_two_keys(other: str, alice: User, bob: User) -> None:
    fund(alice, "10.00")
    keys = ("k", other)
    outcomes = [post_one(transfer(alice, bob, "1.00", idempotency=idempotency(k))) for k in keys]
    assert [outcome.replayed for outcome in outcomes] == [False, False]
    again = post_one(transfer(alice, bob, "1.00", idempotency=idempotency(other)))
    assert again.transaction == outcomes[1].transaction


def test_same_key_of_two_callers_is_two_keys(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    finance = make_user("finance", Role.FINANCE)
    for actor in (Actor.of(alice), Actor.of(finance), SYSTEM, Actor.system("import")):
        asked = transfer(alice, bob, "1.00", actor=actor, idempotency=idempotency("k"))
        assert not post_one(asked).replayed
    assert amount_of(bob) == 400


def test_longest_key_and_every_ascii_character_are_kept(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    for key in ("x" * 255, "".join(map(chr, range(33, 127)))):
        asked = [transfer(alice, bob, "1.00", idempotency=idempotency(key)) for _ in range(2)]
        assert [post_one(one).replayed for one in asked] == [False, True]
        assert IdempotencyKey.objects.filter(key=key).count() == 1


def test_command_keeps_no_answer_and_is_replayed_all_the_same(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    key = Idempotency("row 1", "f", keep_answer=False)
    outcomes = [post_one(transfer(alice, bob, "1.00", idempotency=key)) for _ in range(2)]
    assert [outcome.replayed for outcome in outcomes] == [False, True]
    stored = IdempotencyKey.objects.get()
    assert (stored.answer, stored.answer_status) == (None, None)
    assert stored.transaction == outcomes[1].transaction


def test_replay_is_given_to_a_caller_who_was_deactivated_since(alice: User, bob: User) -> None:
    fund(alice, "10.00")
    asked = [
        transfer(alice, bob, "1.00", actor=Actor.of(alice), idempotency=idempotency("k"))
        for _ in range(2)
    ]
    post_one(asked[0])
    User.objects.filter(pk=alice.pk).update(is_active=False)
    assert post_one(asked[1]).replayed
    assert amount_of(bob) == 100
