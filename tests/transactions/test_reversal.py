"""Reversal: a completed transaction is given back, in full or in parts, never beyond itself."""

import pytest
from django.dispatch import Signal
from uuid_utils.compat import uuid7

from audit.models import AuditLog
from balances.enums import BalanceStatus, House
from balances.signals import balances_changed
from tests.books import (
    SYSTEM,
    amount_of,
    assert_books_are_sound,
    balance_of,
    cancel,
    capture,
    change_balance,
    deposit,
    fund,
    hold,
    idempotency,
    instruction,
    post_one,
    reverse,
    standing,
    stored,
    transfer,
    withdrawal,
)
from tests.signals import connected
from transactions import errors
from transactions.enums import TransactionType
from transactions.instructions import Order, Outcome
from transactions.models import IdempotencyKey, Transaction
from transactions.processor import post_directly
from transactions.reconciliation import reconcile
from transactions.representation import answer_of_outcome
from transactions.signals import transactions_posted
from users.accounts import delete_user
from users.actors import Actor
from users.models import User

pytestmark = pytest.mark.django_db


def moved(asked: Order) -> Transaction:
    outcome = post_one(asked)
    assert outcome.error is None
    assert outcome.transaction is not None
    return outcome.transaction


@pytest.fixture
def paid(alice: User, bob: User) -> Transaction:
    """30 of Alice's 100 to Bob, completed."""
    fund(alice, "100.00")
    return moved(transfer(alice, bob, "30.00", reference="order 7"))


def codes(outcomes: list[Outcome]) -> list[str | None]:
    return [o.error.code if o.error else None for o in outcomes]


def assert_reconciled() -> None:
    assert [proof.breaches for proof in reconcile()] == [0] * 7
    assert_books_are_sound()


def test_reversal_in_full_is_a_transaction_of_its_own(
    paid: Transaction, alice: User, bob: User
) -> None:
    back = stored(moved(reverse(paid, reason="damaged")))
    assert (back.type, back.status, back.amount) == ("reversal", "completed", 3_000)
    assert (back.reverses_id, back.description, back.reference) == (paid.pk, "damaged", "order 7")
    assert (back.source, back.destination) == (balance_of(bob), balance_of(alice))
    deltas = dict(back.entries.values_list("balance_id", "delta"))
    assert deltas == {balance_of(alice).pk: 3_000, balance_of(bob).pk: -3_000}
    assert standing(alice) == (10_000, 0, 10_000, 3)
    assert standing(bob) == (0, 0, 0, 2)
    assert stored(paid).status == "completed"
    row = AuditLog.objects.get(entity_id=str(back.pk))
    assert row.action == "transaction.completed"
    assert (row.details["reverses"], row.details["reason"]) == (str(paid.pk), "damaged")
    assert_reconciled()


def test_parts_add_up_to_the_original_and_no_further(
    paid: Transaction, alice: User, bob: User
) -> None:
    moved(reverse(paid, "10.00"))
    moved(reverse(paid, "19.99"))
    too_much = post_one(reverse(paid, "0.02")).error
    assert isinstance(too_much, errors.ReversalTooLarge)
    assert too_much.extra["remaining"] == "0.01"
    assert moved(reverse(paid)).amount == 1
    for amount in (None, "0.01"):
        assert type(post_one(reverse(paid, amount)).error) is errors.ReversalTooLarge
    assert (amount_of(alice), amount_of(bob)) == (10_000, 0)
    assert Transaction.objects.filter(reverses=paid).count() == 3
    assert_reconciled()


def test_parts_within_one_batch_add_up_too(paid: Transaction, bob: User) -> None:
    parts = ("10.00", "15.00", "10.00", "5.00")
    outcomes = post_directly([reverse(paid, amount) for amount in parts])
    assert codes(outcomes) == [None, None, "reversal_exceeds_original", None]
    assert amount_of(bob) == 0
    assert_reconciled()


@pytest.mark.parametrize(
    ("currency", "amount", "part"), [("JPY", "30", "7"), ("BHD", "0.030", "0.007")]
)
def test_parts_count_in_minor_units_of_any_currency(
    currency: str, amount: str, part: str, alice: User, bob: User
) -> None:
    fund(alice, "100", currency)
    original = moved(transfer(alice, bob, amount, currency))
    assert moved(reverse(original, part)).amount == 7
    assert amount_of(bob, currency) == 23


def test_deposit_withdrawal_and_adjustment_are_reversed(alice: User) -> None:
    paid_in = moved(deposit(alice, "10.00"))
    drawn = moved(withdrawal(alice, "4.00"))
    bonus = moved(instruction(TransactionType.ADJUSTMENT, House.ADJUSTMENTS, alice, "1.00"))
    assert amount_of(alice) == 700
    moved(reverse(drawn))
    assert (amount_of(alice), amount_of(House.EXTERNAL)) == (1_100, -1_000)
    moved(reverse(bonus))
    moved(reverse(paid_in))
    assert [amount_of(o) for o in (alice, House.EXTERNAL, House.ADJUSTMENTS)] == [0, 0, 0]
    assert_reconciled()


@pytest.mark.parametrize("kind", ["pending", "cancelled", "failed", "reversal", "failed reversal"])
def test_what_was_not_completed_or_is_a_reversal_is_not_reversed(
    kind: str, paid: Transaction, alice: User, bob: User, charlie: User
) -> None:
    if kind in {"pending", "cancelled"}:
        t = hold(alice, bob, "1.00")
        if kind == "cancelled":
            post_one(cancel(t))
    elif kind == "failed":
        failed = post_one(transfer(bob, alice, "999.00")).transaction
        assert failed is not None
        t = failed
    elif kind == "reversal":
        t = moved(reverse(paid, "1.00"))
    else:
        moved(transfer(bob, charlie, "30.00"))
        refused = post_one(reverse(paid)).transaction
        assert refused is not None
        t = refused
    before = standing(alice), standing(bob), Transaction.objects.count()
    outcome = post_one(reverse(t))
    assert type(outcome.error) is errors.NotReversible
    assert (standing(alice), standing(bob), Transaction.objects.count()) == before
    assert_reconciled()


def test_receiver_who_spent_the_money_gives_back_what_is_there(
    paid: Transaction, alice: User, bob: User, charlie: User
) -> None:
    moved(transfer(bob, charlie, "20.00"))
    outcome = post_one(reverse(paid))
    assert type(outcome.error) is errors.InsufficientFunds
    assert outcome.transaction is not None
    kept = stored(outcome.transaction)
    assert (kept.type, kept.status, kept.reverses_id) == ("reversal", "failed", paid.pk)
    assert moved(reverse(paid, "10.00")).amount == 1_000
    assert (amount_of(alice), amount_of(bob)) == (8_000, 0)
    assert_reconciled()


def test_what_the_receiver_has_on_hold_is_not_given_back(
    paid: Transaction, bob: User, charlie: User
) -> None:
    hold(bob, charlie, "20.00")
    assert type(post_one(reverse(paid)).error) is errors.InsufficientFunds
    assert moved(reverse(paid, "10.00")).amount == 1_000
    assert standing(bob)[:3] == (2_000, 2_000, 0)


def test_overdraft_covers_exactly_what_is_short(
    paid: Transaction, alice: User, bob: User, charlie: User
) -> None:
    moved(transfer(bob, charlie, "20.00"))
    moved(reverse(paid, allow_overdraft=True))
    balance = balance_of(bob)
    assert (balance.amount, balance.forced_overdraft, balance.available) == (-2_000, 2_000, -2_000)
    assert amount_of(alice) == 10_000
    assert type(post_one(transfer(bob, alice, "0.01")).error) is errors.InsufficientFunds
    assert_reconciled()


def test_money_that_comes_in_after_a_forced_reversal_pays_the_debt_off_and_is_not_spent_again(
    paid: Transaction, alice: User, bob: User, charlie: User
) -> None:
    moved(transfer(bob, charlie, "20.00"))
    moved(reverse(paid, allow_overdraft=True))
    moved(deposit(bob, "15.00"))
    assert (amount_of(bob), balance_of(bob).forced_overdraft) == (-500, 500)
    assert type(post_one(transfer(bob, alice, "0.01")).error) is errors.InsufficientFunds
    moved(deposit(bob, "15.00"))
    moved(transfer(bob, alice, "10.00"))
    assert type(post_one(transfer(bob, alice, "0.01")).error) is errors.InsufficientFunds
    assert (amount_of(bob), balance_of(bob).forced_overdraft) == (0, 0)
    assert_reconciled()


def test_forced_reversal_and_what_pays_it_off_in_one_batch(
    paid: Transaction, bob: User, charlie: User
) -> None:
    moved(transfer(bob, charlie, "30.00"))
    orders: list[Order] = [reverse(paid, allow_overdraft=True), deposit(bob, "12.00")]
    *done, refused = post_directly([*orders, transfer(bob, charlie, "0.01")])
    assert [outcome.error for outcome in done] == [None, None]
    assert type(refused.error) is errors.InsufficientFunds
    assert (amount_of(bob), balance_of(bob).forced_overdraft) == (-1_800, 1_800)
    assert_reconciled()


def test_overdraft_is_not_forced_where_the_money_is_there(paid: Transaction, bob: User) -> None:
    moved(reverse(paid, "10.00", allow_overdraft=True))
    assert balance_of(bob).forced_overdraft == 0
    assert standing(bob)[:3] == (2_000, 0, 2_000)


def test_overdraft_counts_what_is_held_and_an_overdraft_that_was_there(
    paid: Transaction, bob: User, charlie: User
) -> None:
    held = hold(bob, charlie, "25.00")
    change_balance(bob, overdraft_limit=300)
    moved(reverse(paid, allow_overdraft=True))
    balance = balance_of(bob)
    assert (balance.amount, balance.held, balance.overdraft_limit) == (0, 2_500, 300)
    assert balance.forced_overdraft == 2_200
    moved(capture(held))  # what was authorised before is still captured
    assert (amount_of(bob), balance_of(bob).forced_overdraft) == (-2_500, 2_200)
    assert_reconciled()


def test_overdraft_reverses_a_deposit_that_was_spent(alice: User, bob: User) -> None:
    paid_in = fund(alice, "10.00")
    moved(transfer(alice, bob, "10.00"))
    moved(reverse(paid_in, allow_overdraft=True))
    assert (amount_of(alice), amount_of(House.EXTERNAL)) == (-1_000, 0)
    assert_reconciled()


def test_house_account_needs_no_forced_overdraft(alice: User) -> None:
    fund(alice, "10.00")
    drawn = moved(withdrawal(alice, "10.00"))
    moved(reverse(drawn, allow_overdraft=True))
    outside = balance_of(House.EXTERNAL)
    assert (outside.amount, outside.forced_overdraft) == (-1_000, 0)


@pytest.mark.parametrize(
    ("side", "status"),
    [
        ("receiver", BalanceStatus.FROZEN),
        ("receiver", BalanceStatus.DEBITS_FROZEN),
        ("payer", BalanceStatus.FROZEN),
    ],
)
def test_frozen_balance_is_asked_at_reversal(
    side: str, status: str, paid: Transaction, alice: User, bob: User
) -> None:
    """An overdraft is not a way around it."""
    change_balance(alice if side == "payer" else bob, status=status)
    for allow_overdraft in (False, True):
        outcome = post_one(reverse(paid, allow_overdraft=allow_overdraft))
        expected = errors.ReceiverUnavailable if side == "payer" else errors.BalanceFrozen
        assert type(outcome.error) is expected
        assert outcome.transaction is not None
        assert stored(outcome.transaction).status == "failed"
    assert balance_of(bob).forced_overdraft == 0
    assert_reconciled()


def test_payer_whose_debits_are_frozen_gets_it_back(paid: Transaction, alice: User) -> None:
    change_balance(alice, status=BalanceStatus.DEBITS_FROZEN)
    moved(reverse(paid))
    assert amount_of(alice) == 10_000


def test_nothing_is_given_back_to_a_deleted_user(
    paid: Transaction, alice: User, bob: User, charlie: User
) -> None:
    moved(transfer(alice, charlie, "70.00"))
    delete_user(user_id=alice.pk, by=SYSTEM)
    before = standing(bob), Transaction.objects.count()
    outcome = post_one(reverse(paid, idempotency=idempotency("k")))
    assert type(outcome.error) is errors.UnknownParty
    assert outcome.transaction is None
    assert (standing(bob), Transaction.objects.count()) == before
    assert IdempotencyKey.objects.get().transaction is None
    assert_reconciled()


def test_nothing_is_taken_from_a_deleted_user_even_overdrawn(
    paid: Transaction, alice: User, bob: User, charlie: User
) -> None:
    moved(transfer(bob, charlie, "30.00"))
    delete_user(user_id=bob.pk, by=SYSTEM)
    outcome = post_one(reverse(paid, allow_overdraft=True))
    assert type(outcome.error) is errors.UnknownParty
    assert balance_of(bob).forced_overdraft == 0
    assert amount_of(alice) == 7_000


def test_deactivated_user_reverses_nothing(paid: Transaction, bob: User) -> None:
    User.objects.filter(pk=bob.pk).update(is_active=False)
    outcome = post_one(reverse(paid, actor=Actor.of(bob)))
    assert type(outcome.error) is errors.ActorInactive
    assert amount_of(bob) == 3_000


def test_unknown_transaction_is_not_reversed(db: None) -> None:
    outcome = post_one(reverse(Transaction(currency="USD")))
    assert type(outcome.error) is errors.UnknownTransaction


@pytest.mark.parametrize("signal", [balances_changed, transactions_posted])
def test_receiver_that_fails_rolls_the_overdraft_back(
    signal: Signal, paid: Transaction, alice: User, bob: User, charlie: User
) -> None:
    moved(transfer(bob, charlie, "30.00"))

    def fail() -> None:
        raise ZeroDivisionError

    with connected(signal, fail), pytest.raises(ZeroDivisionError):
        post_one(reverse(paid, allow_overdraft=True))
    assert (amount_of(bob), balance_of(bob).forced_overdraft) == (0, 0)
    assert not Transaction.objects.filter(reverses=paid).exists()
    moved(reverse(paid, allow_overdraft=True))
    assert amount_of(alice) == 10_000


def test_reversal_is_replayed_with_the_first_answer(paid: Transaction, bob: User) -> None:
    first = post_one(reverse(paid, "10.00", idempotency=idempotency("k")))
    moved(reverse(paid, "10.00"))
    again = post_one(reverse(paid, "10.00", idempotency=idempotency("k")))
    assert (first.replayed, again.replayed) == (False, True)
    assert again.transaction == first.transaction
    assert answer_of_outcome(again, SYSTEM) == answer_of_outcome(first, SYSTEM)
    assert amount_of(bob) == 1_000


@pytest.mark.parametrize("why", ["spent", "too much", "not completed"])
def test_refused_reversal_is_replayed(
    why: str, paid: Transaction, alice: User, bob: User, charlie: User
) -> None:
    original, amount = paid, "30.00"
    if why == "spent":
        moved(transfer(bob, charlie, "30.00"))
    elif why == "too much":
        amount = "30.01"
    else:
        original = hold(alice, bob, "30.00")
    first = post_one(reverse(original, amount, idempotency=idempotency("k")))
    assert first.error is not None
    fund(bob, "100.00")
    if why == "not completed":
        post_one(capture(original))
    before = standing(alice), standing(bob)
    again = post_one(reverse(original, amount, idempotency=idempotency("k")))
    assert again.replayed
    assert again.error is not None
    assert answer_of_outcome(again, SYSTEM) == answer_of_outcome(first, SYSTEM)
    assert answer_of_outcome(again, SYSTEM).status == 422
    assert (standing(alice), standing(bob)) == before


def test_reversal_gives_back_what_the_same_batch_spends(
    paid: Transaction, alice: User, charlie: User
) -> None:
    outcomes = post_directly(
        [transfer(alice, charlie, "100.00"), reverse(paid), transfer(alice, charlie, "100.00")]
    )
    assert codes(outcomes) == ["insufficient_funds", None, None]
    assert amount_of(charlie) == 10_000
    assert_reconciled()


def test_reversal_has_the_id_that_was_chosen_for_it(alice: User, bob: User) -> None:
    """By which a commit that nobody heard of is found again."""
    fund(alice, "10.00")
    moved = post_one(transfer(alice, bob, "10.00")).transaction
    assert moved is not None
    chosen = uuid7()
    back = post_one(reverse(moved, id=chosen)).transaction
    assert back is not None
    assert (back.pk, back.reverses_id) == (chosen, moved.pk)
