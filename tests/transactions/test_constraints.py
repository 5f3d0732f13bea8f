"""The database refuses each thing that a transaction or an idempotency key can't be."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError
from django.db.models import ProtectedError
from django.utils import timezone
from uuid_utils.compat import uuid7

from balances.enums import House
from balances.models import Balance
from tests.books import balance_of, fund, hold, idempotency, post_one, transfer
from tests.refusals import constraint_names, delete_row, refused_by, trigger_names
from tests.transactions.test_approval_constraints import BAD_APPROVALS
from transactions.enums import TransactionStatus, TransactionType
from transactions.models import (
    HourlyTotal,
    IdempotencyKey,
    Reconciliation,
    Transaction,
    TransactionLimit,
)
from transactions.reconciliation import keep, reconcile
from users.actors import Actor
from users.models import User

pytestmark = pytest.mark.django_db

HELD = {"authorized_amount": 100, "expires_at": timezone.now()}
BAD_TRANSACTIONS: dict[str, list[dict[str, Any]]] = {
    "transaction_amount_positive": [{"amount": 0}, {"amount": -1}],
    "transaction_type_known": [{"type": "gift"}],
    "transaction_status_known": [{"status": "maybe", "completed_at": None}],
    "transaction_completed_has_time": [
        {"completed_at": None},
        {"status": "pending", **HELD},
        {"status": "cancelled", **HELD},
    ],
    "transaction_failed_has_code": [
        {"status": "failed", "completed_at": None},
        {"failure_code": "insufficient_funds"},
    ],
    "transaction_reversal_names_original": [{"type": "reversal"}],
    "transaction_pending_is_authorized": [
        {"status": "pending", "completed_at": None},
        {"status": "cancelled", "completed_at": None},
    ],
    "transaction_captures_no_more": [{"authorized_amount": 99}],
}
OF_LIMITS: dict[str, list[dict[str, Any]]] = {
    "limit_not_negative": [{"per_day": -1}, {"per_transaction": -1}],
    "limit_of_user_or_role": [{"role": None}, {"role": "user", "user_id": 1}],
    "limit_once_per_role": [{}],
    "limit_once_per_user": [{"role": None, "user_id": 1}],
}
BY_OTHER_MEANS = {"transaction_two_balances", "idempotency_key_once", "hourly_total_once"}


def new_transaction(**fields: Any) -> Transaction:
    """A completed transfer from Alice to the world, good unless `fields` spoil it."""
    now = timezone.now()
    good: dict[str, Any] = {
        "type": TransactionType.TRANSFER,
        "status": TransactionStatus.COMPLETED,
        "source_id": Balance.objects.get(user__username="alice").pk,
        "destination_id": balance_of(House.EXTERNAL).pk,
        "amount": 100,
        "currency": "USD",
        "created_at": now,
        "effective_at": now,
        "completed_at": now,
    }
    return Transaction.objects.create(**{**good, **fields})


def reversal_of(original: Transaction, amount: int) -> Transaction:
    """A completed one of so many minor units, not yet stored."""
    now = timezone.now()
    return Transaction(
        type=TransactionType.REVERSAL,
        status=TransactionStatus.COMPLETED,
        source_id=original.destination_id,
        destination_id=original.source_id,
        amount=amount,
        currency=original.currency,
        reverses=original,
        created_at=now,
        effective_at=now,
        completed_at=now,
    )


def test_constraints_are_all_broken_here() -> None:
    here = {*BAD_TRANSACTIONS, *OF_LIMITS, *BY_OTHER_MEANS}
    assert here | BAD_APPROVALS.keys() == constraint_names("transactions")


@pytest.mark.parametrize(
    ("name", "fields"), [(name, case) for name, cases in BAD_TRANSACTIONS.items() for case in cases]
)
def test_transaction_that_breaks_a_rule_is_refused(
    name: str, fields: dict[str, Any], alice: User
) -> None:
    fund(alice, "100.00")
    with refused_by(name):
        new_transaction(**fields)


@pytest.mark.parametrize(
    ("name", "fields"), [(name, case) for name, cases in OF_LIMITS.items() for case in cases]
)
def test_limit_that_breaks_a_rule_is_refused(
    name: str, fields: dict[str, Any], alice: User
) -> None:
    TransactionLimit.objects.create(role="user", currency="USD")
    TransactionLimit.objects.create(user=alice, currency="USD")
    given = {**fields, "user_id": alice.pk} if "user_id" in fields else fields
    currency = "USD" if "once" in name else "EUR"
    with refused_by(name):
        TransactionLimit.objects.create(**{"role": "user", "currency": currency, **given})


def test_transaction_from_a_balance_to_itself_is_refused(alice: User) -> None:
    fund(alice, "100.00")
    with refused_by("transaction_two_balances"):
        new_transaction(destination_id=balance_of(alice).pk)


def test_transfer_that_names_an_original_is_refused(alice: User) -> None:
    with refused_by("transaction_reversal_names_original"):
        new_transaction(reverses=fund(alice, "100.00"))


def test_idempotency_key_twice_in_one_scope_is_refused(alice: User) -> None:
    deposited = fund(alice, "100.00")
    row = {"transaction": deposited, "fingerprint": "f", "created_at": timezone.now()}
    IdempotencyKey.objects.create(scope="user:1", key="k", **row)
    IdempotencyKey.objects.create(scope="user:1", key="K", **row)
    IdempotencyKey.objects.create(scope="user:1", key="k ", **row)
    IdempotencyKey.objects.create(scope="user:2", key="k", **row)
    with refused_by("idempotency_key_once"):
        IdempotencyKey.objects.create(scope="user:1", key="k", **row)


def test_hour_is_summed_up_once() -> None:
    row = {"hour": timezone.now(), "status": "completed", "type": "transfer", "currency": "USD"}
    sums = {"count": 1, "billions": 0, "rest": 1}
    HourlyTotal.objects.create(**row, **sums)
    HourlyTotal.objects.create(**{**row, "currency": "EUR"}, **sums)
    with refused_by("hourly_total_once"):
        HourlyTotal.objects.create(**row, **sums)


def delete_transaction(transaction: Transaction) -> None:
    delete_row(transaction)


def change_amount(transaction: Transaction) -> None:
    Transaction.objects.filter(pk=transaction.pk).update(amount=1)


def cancel(transaction: Transaction) -> None:
    Transaction.objects.filter(pk=transaction.pk).update(
        status=TransactionStatus.CANCELLED, completed_at=None
    )


def reverse_too_much(transaction: Transaction) -> None:
    """In one statement, whose rows are looked at one by one."""
    part = reversal_of(transaction, 4_000)
    Transaction.objects.bulk_create([part, reversal_of(transaction, 6_001)])


def reverse_what_failed(transaction: Transaction) -> None:
    failed = new_transaction(status="failed", completed_at=None, failure_code="balance_frozen")
    Transaction.objects.bulk_create([reversal_of(failed, 1)])


FORBIDDEN: list[tuple[str, Callable[[Transaction], None]]] = [
    ("transaction_never_deleted", delete_transaction),
    ("transaction_final", change_amount),
    ("transaction_final", cancel),
    ("transaction_reverses_within", reverse_too_much),
    ("transaction_reverses_within", reverse_what_failed),
]
OF_RECONCILIATIONS = {"reconciliation_never_changed", "reconciliation_never_deleted"}


def test_triggers_are_all_met_here() -> None:
    of_approvals = {"approval_final", "approval_never_deleted"}
    of_pending = {"transaction_pending_stays"}
    met = {*dict(FORBIDDEN), *OF_RECONCILIATIONS, *of_approvals, *of_pending}
    assert met == trigger_names("transactions")


def test_reconciliation_stays_as_it_was_kept() -> None:
    kept = keep(reconcile(), started_at=timezone.now(), took=timedelta(seconds=1))
    with refused_by("reconciliation_never_changed"):
        Reconciliation.objects.filter(pk=kept.pk).update(breaches=1)
    with refused_by("reconciliation_never_deleted"):
        delete_row(kept)


@pytest.mark.parametrize(
    ("name", "change"), FORBIDDEN, ids=lambda part: getattr(part, "__name__", part)
)
def test_change_of_a_completed_transaction_is_refused(
    name: str, change: Callable[[Transaction], None], alice: User
) -> None:
    deposited = fund(alice, "100.00")
    with refused_by(name):
        change(deposited)


def test_reversals_up_to_the_original_are_accepted(alice: User) -> None:
    deposited = fund(alice, "100.00")
    beyond = reversal_of(deposited, 5_000)
    beyond.status, beyond.completed_at, beyond.failure_code = "failed", None, "balance_frozen"
    parts = [reversal_of(deposited, 4_000), reversal_of(deposited, 6_000), beyond]
    Transaction.objects.bulk_create(parts)


def test_failed_transaction_cannot_be_completed_later(alice: User, bob: User) -> None:
    fund(alice, "1.00")
    failed = post_one(transfer(alice, bob, "2.00")).transaction
    assert failed is not None
    with refused_by("transaction_final"):
        Transaction.objects.filter(pk=failed.pk).update(
            status=TransactionStatus.COMPLETED, failure_code="", completed_at=timezone.now()
        )


@pytest.mark.parametrize("change", [{"currency": "EUR"}, {"type": "withdrawal"}])
def test_pending_transaction_keeps_what_it_is_about(change: dict[str, str], alice: User) -> None:
    fund(alice, "100.00")
    pending = new_transaction(status=TransactionStatus.PENDING, completed_at=None, **HELD)
    with refused_by("transaction_final"):
        Transaction.objects.filter(pk=pending.pk).update(**change)


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 1},
        {"description": "another"},
        {"reference": "ANOTHER"},
        {"metadata": {"order": "another"}},
        {"authorized_amount": 20_000},
        {"requested_by_id": None},
        {"created_at": timezone.now()},
    ],
    ids=lambda change: next(iter(change)),
)
def test_pending_transaction_is_not_edited(change: dict[str, Any], alice: User, bob: User) -> None:
    fund(alice, "100.00")
    pending = hold(
        alice,
        bob,
        "50.00",
        actor=Actor.of(alice),
        description="one",
        reference="another",
        metadata={"order": "one"},
    )
    with refused_by("transaction_pending_stays"):
        Transaction.objects.filter(pk=pending.pk).update(**change)


def test_pending_transaction_can_be_completed(alice: User) -> None:
    fund(alice, "100.00")
    pending = new_transaction(status=TransactionStatus.PENDING, completed_at=None, **HELD)
    done = {"status": TransactionStatus.COMPLETED, "completed_at": timezone.now()}
    assert Transaction.objects.filter(pk=pending.pk).update(**done) == 1


def test_balances_and_transactions_that_are_referred_to_cannot_be_deleted(
    alice: User, bob: User
) -> None:
    fund(alice, "100.00")
    moved = post_one(transfer(alice, bob, "1.00", idempotency=idempotency("k"))).transaction
    assert moved is not None
    for row in (moved, moved.source, moved.destination):
        with pytest.raises(ProtectedError):
            row.delete()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("column", ["source_id", "destination_id", "requested_by_id"])
def test_transaction_that_refers_to_nothing_is_refused(column: str, alice: User) -> None:
    fund(alice, "100.00")
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        new_transaction(**{column: 10**9})


def test_ids_sort_in_the_order_they_were_made(alice: User) -> None:
    fund(alice, "100.00")
    made = [new_transaction(id=uuid7()).pk for _ in range(50)]
    kept = Transaction.objects.filter(pk__in=made).order_by("pk").values_list("pk", flat=True)
    assert list(kept) == made
