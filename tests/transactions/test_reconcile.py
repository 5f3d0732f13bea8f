"""manage.py reconcile: each invariant is broken on purpose, with the triggers away, and named."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from io import StringIO
from itertools import groupby
from operator import itemgetter
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoDbBlocker

from balances.enums import House
from balances.models import Balance, BalanceHistory
from ledgerlink.operators import operator
from tests import triggers
from tests.books import (
    SYSTEM,
    balance_of,
    deposit,
    fund,
    instruction,
    post_one,
    transfer,
    withdrawal,
)
from tests.concurrency import in_background
from transactions.enums import TransactionStatus, TransactionType
from transactions.instructions import Instruction, Reversal, Settlement
from transactions.models import Reconciliation, Transaction
from transactions.processor import post_directly
from transactions.reconciliation import reconcile
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

LARGE = "9999999999999999.99"  # 64 bits hold nine of them
CHECKS_OFF_AND_ON = {
    "SQLite": ("PRAGMA ignore_check_constraints = ON", "PRAGMA ignore_check_constraints = OFF"),
    "MariaDB": ("SET check_constraint_checks = 0", "SET check_constraint_checks = 1"),
    "MySQL": ("DO 0", "DO 0"),  # they are off
}


@pytest.fixture
def books(alice: User, bob: User) -> None:
    """Two users with some history, in two currencies, a refusal among it."""
    fund(alice, "100.00")
    fund(bob, "20.00", "EUR")
    post_one(transfer(alice, bob, "30.00"))
    post_one(transfer(bob, alice, "500.00"))
    post_one(withdrawal(bob, "5.00"))


@pytest.fixture(scope="module", autouse=True)
def checks_are_off_on_mysql(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker
) -> Iterator[None]:
    """For all sessions, since it knows no other way, and until the last bad row is gone, since it
    switches a CHECK on only where all rows pass."""
    with django_db_blocker.unblock():
        on_mysql = connection.display_name == "MySQL"
        if on_mysql:
            make_checks("NOT ENFORCED")
    yield
    with django_db_blocker.unblock():
        if on_mysql:
            make_checks("ENFORCED")


def make_checks(enforced: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT table_name, constraint_name FROM information_schema.table_constraints"
            " WHERE table_schema = DATABASE() AND constraint_type = 'CHECK'"
        )
        for table, checks in groupby(sorted(cursor.fetchall()), key=itemgetter(0)):
            changes = ", ".join(f"ALTER CHECK {name} {enforced}" for _, name in checks)
            cursor.execute(f"ALTER TABLE {table} {changes}")


@contextmanager
def tampering() -> Iterator[None]:
    """Inside, neither triggers nor CHECK constraints hold."""
    off, on = CHECKS_OFF_AND_ON[connection.display_name]
    with triggers.suspended(connection), connection.cursor() as cursor:
        cursor.execute(off)
        try:
            yield
        finally:
            cursor.execute(on)


def broken() -> dict[int, tuple[int, tuple[str, ...]]]:
    """How often each broken invariant is broken, and the examples."""
    return {p.number: (p.breaches, p.examples) for p in reconcile() if not p.holds}


def report() -> dict[str, Any]:
    out = StringIO()
    call_command("reconcile", json=True, stdout=out)
    answer: dict[str, Any] = json.loads(out.getvalue())
    return answer


def test_empty_books_hold() -> None:
    assert broken() == {}


@pytest.mark.usefixtures("books")
def test_good_books_hold_and_everything_is_counted() -> None:
    checked = {proof.number: proof.checked for proof in reconcile()}

    assert broken() == {}
    assert checked == {1: 2, 2: 5, 3: 5, 4: 3, 5: 8, 6: 5, 7: 0}


def test_books_with_holds_captures_and_reversals_hold(alice: User, bob: User) -> None:
    fund(alice, "100.00")
    tomorrow = timezone.now() + timedelta(days=1)
    held = [transfer(alice, bob, "10.00", expires_at=tomorrow) for _ in range(3)]
    post_directly(held)
    post_directly(
        [
            Settlement(transaction_id=held[0].id, capture_amount=400, actor=SYSTEM),
            Settlement(transaction_id=held[1].id, capture_amount=0, actor=SYSTEM),
            Reversal(transaction_id=held[0].id, amount=150, reason="half", actor=SYSTEM),
            Reversal(transaction_id=held[0].id, amount=None, reason="the rest", actor=SYSTEM),
        ]
    )

    assert (balance_of(alice).amount, balance_of(alice).held) == (10_000, 1_000)
    assert broken() == {}
    assert report()["invariants"][6]["checked"] == 2


@pytest.mark.usefixtures("books")
def test_table_shows_each_invariant() -> None:
    out = StringIO()

    call_command("reconcile", stdout=out)

    assert "The entries of each currency sum to zero" in out.getvalue()
    assert "The completed reversals of a transaction never exceed it" in out.getvalue()


@pytest.mark.usefixtures("books")
def test_json_is_for_machines() -> None:
    answer = report()

    assert answer["holds"] is True
    assert [proof["number"] for proof in answer["invariants"]] == [1, 2, 3, 4, 5, 6, 7]
    assert answer["invariants"][0] == {
        "number": 1,
        "invariant": "The entries of each currency sum to zero",
        "checked": 2,
        "breaches": 0,
        "examples": [],
        "holds": True,
    }


@pytest.mark.usefixtures("books")
def test_broken_books_exit_with_1_and_are_shown(alice: User) -> None:
    with tampering():
        Balance.objects.filter(user=alice).update(amount=1)
    out = StringIO()

    with pytest.raises(CommandError, match="see invariant 2") as failure:
        call_command("reconcile", stdout=out)
    assert failure.value.returncode == 1
    assert f"balance {balance_of(alice).pk} (alice USD) has 0.01" in out.getvalue()

    with pytest.raises(CommandError, match="see invariant 2"):
        report()


@pytest.mark.usefixtures("books")
def test_outcome_of_each_run_is_kept(alice: User) -> None:
    before = timezone.now()
    answer = report()
    with tampering():
        Balance.objects.filter(user=alice).update(amount=1)
    with pytest.raises(CommandError):
        report()

    good, bad = Reconciliation.objects.order_by("id")

    assert (good.holds, good.breaches, good.proofs) == (True, 0, answer["invariants"])
    assert before <= good.started_at <= bad.started_at <= timezone.now()
    assert good.duration_ms >= 0
    assert good.run_by == operator()
    assert (bad.holds, bad.breaches) == (False, 1)
    assert [proof["number"] for proof in bad.proofs if not proof["holds"]] == [2]


@pytest.mark.usefixtures("books")
def test_books_are_proved_where_the_outcome_cannot_be_kept() -> None:
    """As on a replica that can only be read; here the table is away."""
    table = Reconciliation._meta.db_table
    out, err = StringIO(), StringIO()
    with connection.cursor() as cursor:
        cursor.execute(f"ALTER TABLE {table} RENAME TO {table}_away")
    try:
        call_command("reconcile", json=True, stdout=out, stderr=err)
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"ALTER TABLE {table}_away RENAME TO {table}")

    assert json.loads(out.getvalue())["holds"] is True
    assert "could not be kept" in err.getvalue()


@pytest.mark.usefixtures("books")
def test_1_money_from_nowhere_is_found(alice: User) -> None:
    with tampering():
        entry = BalanceHistory.objects.filter(balance=balance_of(alice)).latest("version")
        entry.delta += 7
        entry.amount_after += 7
        entry.save()
        Balance.objects.filter(user=alice).update(amount=entry.amount_after)

    found = broken()

    assert found[1] == (1, ("the entries in USD sum to 0.07",))
    assert sorted(found) == [1, 6]


@pytest.mark.usefixtures("books")
def test_2_balance_unlike_its_entries_is_found(alice: User) -> None:
    with tampering():
        Balance.objects.filter(user=alice).update(amount=7_100)

    said = (
        f"balance {balance_of(alice).pk} (alice USD) has 71.00, its 2 entries (of 2) add up to "
        "70.00, and the last one leaves 70.00"
    )
    assert broken() == {2: (1, (said,))}


@pytest.mark.usefixtures("books")
def test_2_count_unlike_the_entries_is_found(bob: User) -> None:
    with tampering():
        Balance.objects.filter(user=bob, currency="EUR").update(entry_count=0)

    assert list(broken()) == [2]


@pytest.mark.usefixtures("books")
def test_2_balance_without_entries_is_found(charlie: User) -> None:
    with tampering():
        Balance.objects.create(user=charlie, currency="USD", amount=5)

    breaches, (said,) = broken()[2]
    assert breaches == 1
    assert said.endswith(
        "has 0.05, its 0 entries (of 0) add up to 0.00, and the last one leaves 0.00"
    )


@pytest.mark.usefixtures("books")
def test_3_held_without_pending_is_found(alice: User) -> None:
    with tampering():
        Balance.objects.filter(user=alice).update(held=300)

    said = f"balance {balance_of(alice).pk} (alice USD) holds 3.00 for 0.00 pending"
    assert broken() == {3: (1, (said,))}


@pytest.mark.usefixtures("books")
def test_3_pending_without_held_is_found_and_equal_ones_hold(alice: User, bob: User) -> None:
    source, destination = balance_of(alice), balance_of(bob)
    at = source.updated_at
    Transaction.objects.create(
        type=TransactionType.TRANSFER,
        status=TransactionStatus.PENDING,
        authorized_amount=300,
        expires_at=at,
        source=source,
        destination=destination,
        amount=300,
        currency="USD",
        created_at=at,
        effective_at=at,
    )
    assert broken() == {3: (1, (f"balance {source.pk} (alice USD) holds 0.00 for 3.00 pending",))}

    Balance.objects.filter(pk=source.pk).update(held=300, version=source.version + 1)

    assert broken() == {}


@pytest.mark.usefixtures("books")
def test_4_overdrawn_user_is_found(alice: User) -> None:
    balance = balance_of(alice)
    with tampering():
        Balance.objects.filter(pk=balance.pk).update(
            amount=-101, overdraft_limit=60, forced_overdraft=40
        )

    said = (
        f"balance {balance.pk} (alice USD) has -1.01, of which 0.00 is held, and may go 1.00 "
        "below zero"
    )
    assert broken()[4] == (1, (said,))


@pytest.mark.usefixtures("books")
def test_4_overdraft_within_its_limit_holds(alice: User, bob: User) -> None:
    balance = balance_of(alice)
    Balance.objects.filter(pk=balance.pk).update(
        overdraft_limit=10_000, version=balance.version + 1
    )

    post_one(transfer(alice, bob, "100.00"))

    assert balance_of(alice).amount == -3_000
    assert broken() == {}


@pytest.mark.usefixtures("books")
@pytest.mark.parametrize("lost", [1, 2])
def test_5_gap_in_the_versions_is_found(lost: int, alice: User) -> None:
    balance = balance_of(alice)
    with tampering():
        for version in range(balance.entry_count, lost - 1, -1):
            BalanceHistory.objects.filter(balance=balance, version=version).update(
                version=version + 1
            )

    said = f"balance {balance.pk} (alice USD) has no entry {lost} before entry {lost + 1}"
    assert broken() == {5: (1, (said,))}


@pytest.mark.usefixtures("books")
def test_5_entry_that_does_not_begin_where_the_last_ended_is_found(bob: User) -> None:
    balance = balance_of(bob)
    with tampering():
        BalanceHistory.objects.filter(balance=balance, version=1).update(
            amount_before=100, amount_after=3_100
        )

    name = f"balance {balance.pk} (bob USD)"
    assert broken() == {
        5: (
            2,
            (
                f"{name}: entry 1 begins at 1.00, not at 0.00",
                f"{name}: entry 2 begins at 30.00, not at 31.00",
            ),
        )
    }


@pytest.mark.usefixtures("books")
def test_6_completed_transaction_without_its_entry_is_found(alice: User) -> None:
    entry = BalanceHistory.objects.filter(balance=balance_of(alice)).latest("version")
    with tampering():
        entry.delete()

    breaches, (said,) = broken()[6]
    assert breaches == 1
    assert said == (
        f"transaction {entry.transaction_id} lacks an entry of its amount on one of its balances"
    )


@pytest.mark.usefixtures("books")
def test_6_entry_of_a_transaction_that_is_not_completed_is_found(alice: User) -> None:
    refused = Transaction.objects.get(status=TransactionStatus.FAILED)
    entry = BalanceHistory.objects.filter(balance=balance_of(alice)).latest("version")
    lost = entry.transaction_id
    with tampering():
        BalanceHistory.objects.filter(pk=entry.pk).update(transaction=refused)

    breaches, examples = broken()[6]
    assert breaches == 2
    assert sorted(examples) == sorted(
        [
            f"transaction {lost} lacks an entry of its amount on one of its balances",
            f"transaction {refused.pk} is failed, but has entry {entry.pk}",
        ]
    )


@pytest.mark.usefixtures("books")
def test_6_entry_on_a_third_balance_is_found(alice: User, charlie: User) -> None:
    fund(charlie, "1.00")
    entry = BalanceHistory.objects.filter(balance=balance_of(alice)).latest("version")
    with tampering():
        BalanceHistory.objects.filter(pk=entry.pk).update(balance=balance_of(charlie))

    breaches, examples = broken()[6]
    assert breaches == 2
    assert f"transaction {entry.transaction_id} has entry {entry.pk} on another balance" in (
        "\n".join(examples)
    )


@pytest.mark.usefixtures("books")
def test_7_reversals_beyond_the_original_are_found(alice: User, bob: User) -> None:
    original = Transaction.objects.get(type="transfer", status=TransactionStatus.COMPLETED)
    post_one(deposit(bob, "100.00"))
    sent = [post_one(transfer(bob, alice, amount)).transaction for amount in ("10.00", "20.00")]
    with tampering():
        Transaction.objects.filter(pk__in=[t.pk for t in sent if t]).update(
            type=TransactionType.REVERSAL, reverses=original
        )
    assert broken() == {}

    last = post_one(transfer(bob, alice, "0.01")).transaction
    assert last is not None
    with tampering():
        Transaction.objects.filter(pk=last.pk).update(
            type=TransactionType.REVERSAL, reverses=original
        )

    said = f"transaction {original.pk} (completed) moved 30.00 USD; its reversals moved 30.01 back"
    assert broken() == {7: (1, (said,))}


@pytest.mark.usefixtures("books")
def test_7_reversal_of_what_never_moved_is_found(alice: User, bob: User) -> None:
    refused = Transaction.objects.get(status=TransactionStatus.FAILED)
    last = post_one(transfer(alice, bob, "0.01")).transaction
    assert last is not None
    with tampering():
        Transaction.objects.filter(pk=last.pk).update(
            type=TransactionType.REVERSAL, reverses=refused
        )

    assert list(broken()) == [7]


def test_many_breaches_are_counted_and_some_are_shown() -> None:
    users = [User.objects.create(username=f"user{n}") for n in range(12)]
    with tampering():
        for user in users:
            Balance.objects.create(user=user, currency="USD", amount=1)

    breaches, examples = broken()[2]

    assert (breaches, len(examples)) == (12, 5)


def test_sums_beyond_64_bits_are_exact(alice: User, bob: User, charlie: User) -> None:
    """The entries of the two house accounts, summed first, are below what 64 bits hold."""

    def adjustment(to: User, amount: str) -> Instruction:
        return instruction(TransactionType.ADJUSTMENT, House.ADJUSTMENTS, to, amount)

    post_directly([deposit(charlie, "0.01"), adjustment(charlie, "0.01")])
    post_directly([deposit(alice, LARGE) for _ in range(9)])
    post_directly([adjustment(bob, LARGE) for _ in range(9)])
    assert balance_of(House.EXTERNAL).amount + balance_of(House.ADJUSTMENTS).amount < -(2**63)
    assert broken() == {}

    with tampering():
        Balance.objects.filter(house=House.EXTERNAL).update(amount=2**63 - 1)

    breaches, (said,) = broken()[2]
    assert breaches == 1
    assert (
        "has 92233720368547758.07, its 10 entries (of 10) add up to -89999999999999999.92" in said
    )


def test_reconcile_holds_while_writers_post(alice: User, bob: User) -> None:
    fund(alice, "1000.00")
    fund(bob, "1000.00")
    posting = True

    def write(source: User, destination: User) -> int:
        posted = 0
        while posting:
            post_directly([transfer(source, destination, "0.01") for _ in range(5)])
            posted += 5
        return posted

    with in_background() as start:
        writers = [start(lambda: write(alice, bob)), start(lambda: write(bob, alice))]
        try:
            found = [broken() for _ in range(10)]
        finally:
            posting = False

    assert found == [{}] * 10
    assert all(writer.result() > 0 for writer in writers)
