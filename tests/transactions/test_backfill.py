"""manage.py backfill_balance_history: what was lost comes back as it was."""

import signal
from datetime import timedelta
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.utils import timezone

from audit.models import AuditLog
from balances.enums import House
from balances.models import Balance, BalanceHistory
from tests import triggers
from tests.books import (
    SYSTEM,
    assert_books_are_sound,
    balance_of,
    deposit,
    fund,
    post_one,
    transfer,
    withdrawal,
)
from tests.signals import connected
from transactions import backfill
from transactions.instructions import Reversal, Settlement
from transactions.models import Transaction
from transactions.processor import post_directly
from transactions.signals import history_rebuilt
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

Entry = tuple[Any, ...]


def run(**options: Any) -> str:
    out = StringIO()
    call_command("backfill_balance_history", stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def history() -> list[Entry]:
    """Every entry but for its own id."""
    columns = ("transaction_id", "delta", "amount_before", "amount_after", "created_at")
    return list(
        BalanceHistory.objects.order_by("balance_id", "version").values_list(
            "balance_id", "version", *columns
        )
    )


def lose(**which: Any) -> int:
    """Delete entries; how many they were."""
    with triggers.suspended(connection):
        deleted, _by_model = BalanceHistory.objects.filter(**which).delete()
    assert deleted
    return deleted


def misstate(balance: Balance, amount: int) -> None:
    with triggers.suspended(connection):
        Balance.objects.filter(pk=balance.pk).update(amount=amount)


@pytest.fixture
def books(alice: User, bob: User) -> list[Entry]:
    """Some history, of which several movements are in one batch; the entries as they were."""
    fund(alice, "100.00")
    post_directly(
        [
            transfer(alice, bob, "10.00"),
            transfer(bob, alice, "2.50"),
            transfer(alice, bob, "999.00"),
            deposit(bob, "7.00"),
        ]
    )
    post_one(withdrawal(bob, "1.00"))
    post_one(transfer(alice, bob, "3.00"))
    fund(alice, "5", "JPY")
    return history()


def test_complete_history_is_left_alone(books: list[Entry]) -> None:
    assert "No ledger entry is missing." in run(apply=True)
    assert history() == books


@pytest.mark.parametrize(
    "versions",
    [
        pytest.param([1, 2, 3, 4], id="all"),
        pytest.param([1], id="head"),
        pytest.param([3, 4], id="tail"),
        pytest.param([2, 3], id="gap"),
        pytest.param([2, 4], id="two-gaps"),
    ],
)
def test_lost_entries_of_one_balance_come_back(
    books: list[Entry], alice: User, versions: list[int]
) -> None:
    lose(balance=balance_of(alice), version__in=versions)

    out = run(apply=True)

    assert f"{len(versions)} entries were written" in out
    assert history() == books
    assert_books_are_sound()


def test_history_lost_entirely_comes_back(books: list[Entry]) -> None:
    lose(pk__gt=0)

    out = run(apply=True)

    assert f"{len(books)} entries were written" in out
    assert history() == books
    assert_books_are_sound()


def test_rebuilt_history_is_audited(books: list[Entry], alice: User, bob: User) -> None:
    lose(balance=balance_of(alice), version__in=[1, 3, 4])
    lose(balance=balance_of(bob), version=2)
    run()
    rebuilt = AuditLog.objects.filter(action="balance.history_rebuilt").order_by("pk")
    assert not rebuilt.exists()
    run(apply=True)
    kept = [(row.actor_name, row.entity_id, row.details) for row in rebuilt]
    assert kept == [
        (
            "backfill_balance_history",
            str(balance_of(owner).pk),
            {
                "of": owner.username,
                "currency": "USD",
                "entries": count,
                "first_version": first,
                "last_version": last,
            },
        )
        for owner, count, first, last in [(alice, 3, 1, 4), (bob, 1, 2, 2)]
    ]


def test_history_whose_audit_row_fails_is_not_rebuilt(books: list[Entry], alice: User) -> None:
    lose(balance=balance_of(alice))
    before = history()

    def fail() -> None:
        raise ZeroDivisionError

    with connected(history_rebuilt, fail), pytest.raises(ZeroDivisionError):
        run(apply=True)
    assert history() == before
    run(apply=True)
    assert history() == books


def test_nothing_is_written_without_apply(books: list[Entry], alice: User) -> None:
    balance = balance_of(alice)
    lose(balance=balance, version__in=[2, 3])
    before = history()

    out = run()

    lines = [line.strip() for line in out.splitlines()]
    assert lines[0] == f"balance {balance.pk} (alice USD): 2 entries"
    assert lines[1].startswith("entry 2: 100.00 to 90.00 (-10.00), transaction ")
    assert lines[2].startswith("entry 3: 90.00 to 92.50 (2.50), transaction ")
    assert "2 entries would be written: run it again with --apply." in out
    assert history() == before


def test_captured_and_reversed_transactions_come_back(alice: User, bob: User) -> None:
    """What was captured counts from its completion, later than what was made after it."""
    held = transfer(alice, bob, "10.00", expires_at=timezone.now() + timedelta(days=1))
    fund(alice, "100.00")
    post_directly([held])
    post_one(transfer(alice, bob, "1.00"))
    post_directly(
        [
            Settlement(transaction_id=held.id, capture_amount=400, actor=SYSTEM),
            Reversal(transaction_id=held.id, amount=150, reason="too much", actor=SYSTEM),
        ]
    )
    before = history()
    lose(pk__gt=0)

    run(apply=True)

    assert history() == before
    assert_books_are_sound()


def test_second_run_writes_nothing(books: list[Entry], alice: User) -> None:
    lose(balance=balance_of(alice))
    run(apply=True)

    assert "No ledger entry is missing." in run(apply=True)
    assert history() == books


def test_long_history_is_shortened_in_the_report(alice: User) -> None:
    post_directly([deposit(alice, "1.00") for _ in range(10)])
    lose(balance=balance_of(alice))

    assert "and 7 more" in run()


def test_order_within_a_batch_is_taken_from_the_other_side(alice: User) -> None:
    """The ids of instructions that met in one batch need not be in the order of posting."""
    asked = [deposit(alice, amount) for amount in ("1.00", "2.00", "4.00", "8.00")]
    post_directly([asked[2], asked[0], asked[3], asked[1]])
    before = history()
    lose(balance=balance_of(alice))

    run(apply=True)

    assert history() == before


def test_history_of_more_than_a_chunk_comes_back(
    alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backfill, "CHUNK", 4)
    post_directly([deposit(alice, "1.00") for _ in range(11)])
    before = history()
    lose(balance=balance_of(alice), version__in=[1, 2, 3, 5, 7, 8, 9, 10, 11])

    run(apply=True)

    assert history() == before


def left_alone(balance: Balance) -> str:
    """Run it on a balance that it must refuse; why it did."""
    before = history()
    out = StringIO()
    with pytest.raises(CommandError, match="balances were left as they are"):
        call_command("backfill_balance_history", apply=True, stdout=out)
    assert history() == before
    (line,) = [said for said in out.getvalue().splitlines() if "is left as it is" in said]
    assert line.startswith(f"balance {balance.pk} is left as it is. ")
    return line


def test_history_that_would_not_end_at_the_amount_is_refused(
    books: list[Entry], alice: User
) -> None:
    balance = balance_of(alice)
    lose(balance=balance, version=4)
    misstate(balance, 8_951)

    said = left_alone(balance)

    assert "The balance stands at 89.51, the rebuilt history at 89.50." in said


def test_history_that_contradicts_an_entry_is_refused(books: list[Entry], alice: User) -> None:
    balance = balance_of(alice)
    lose(balance=balance, version=2)
    with triggers.suspended(connection):
        BalanceHistory.objects.filter(balance=balance, version=3).update(
            amount_before=9_100, amount_after=9_350
        )

    assert "Entry 3 begins at 91.00, the rebuilt history at 90.00." in left_alone(balance)


def test_history_longer_than_counted_is_refused(books: list[Entry], alice: User) -> None:
    balance = balance_of(alice)
    lose(balance=balance, version=2)
    with triggers.suspended(connection):
        Balance.objects.filter(pk=balance.pk).update(entry_count=3)

    assert "more than the 3 entries counted" in left_alone(balance)


def test_history_without_its_transaction_is_refused(books: list[Entry], alice: User) -> None:
    balance = balance_of(alice)
    lose(balance=balance, version=2)
    Balance.objects.filter(pk=balance.pk).update(entry_count=5, version=balance.version + 1)

    assert "No completed transaction explains entry 5." in left_alone(balance)


def test_refused_balance_does_not_hold_up_the_others(
    books: list[Entry], alice: User, bob: User
) -> None:
    balance = balance_of(alice)
    lose(balance=balance, version=4)
    lose(balance=balance_of(bob))
    misstate(balance, 1)

    left_expected = [row for row in books if row[:2] != (balance.pk, 4)]
    with pytest.raises(CommandError, match="1 balances were left"):
        run(apply=True)

    assert history() == left_expected


def test_interrupted_run_is_resumed(books: list[Entry], monkeypatch: pytest.MonkeyPatch) -> None:
    lose(pk__gt=0)
    first = Balance.objects.order_by("pk").first()
    assert first is not None
    found = backfill.Rebuilt.add

    def add(self: backfill.Rebuilt, entry: backfill.Lost) -> None:
        found(self, entry)
        if self.balance.pk == first.pk and self.count == 1:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(backfill.Rebuilt, "add", add)
    with pytest.raises(CommandError, match="Stopped after 1 of") as stopped:
        run(apply=True)
    assert stopped.value.returncode == 130
    assert history() == [row for row in books if row[0] == first.pk]
    monkeypatch.undo()

    run(apply=True)

    assert history() == books


def test_backfill_leaves_refused_transactions_without_entries(books: list[Entry]) -> None:
    lose(balance__house=House.EXTERNAL)

    run(apply=True)

    assert not Transaction.objects.get(status="failed").entries.exists()
    assert history() == books
