"""manage.py import_transactions: rows of the ledger format, imports that are repeated, interrupted
or run twice at once."""

import signal
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import CommandError, call_command
from django.db import OperationalError
from django.utils import timezone

from audit.models import AuditLog
from balances.enums import House
from balances.models import Balance
from tests.books import amount_of, assert_books_are_sound, fund
from tests.concurrency import at_once
from transactions.enums import TransactionStatus, TransactionType
from transactions.instructions import Posted
from transactions.models import IdempotencyKey, Transaction
from transactions.signals import transactions_posted
from users.models import User

pytestmark = pytest.mark.django_db

MIXED = """type,from,to,amount,currency,time,reference
deposit,house:external,alice,100.00,USD,2026-01-05T09:00:00+01:00,salary
deposit,,Bob,50,JPY,,
transfer,alice,bob,30.50,,2026-01-06T00:00:00Z,"rent, January"
Transfer,bob,alice,1000.00,USD,,too much
withdrawal,bob,,5.5,USD,,atm
adjustment,house:adjustments,alice,1.00,USD,,correction
adjustment,bob,house:adjustments,1.00,USD,,correction
"""


def run_import(path: Path, **options: Any) -> str:
    out = StringIO()
    call_command("import_transactions", str(path), stdout=out, stderr=StringIO(), **options)
    return out.getvalue()


def written(directory: Path, content: str) -> Path:
    path = directory / "moves.csv"
    path.write_text(content)
    return path


def many(directory: Path, rows: int) -> Path:
    """Deposits of 1.00 for Alice, one on each line."""
    lines = ["type,from,to,amount", *["deposit,,alice,1.00"] * rows]
    return written(directory, "\n".join(lines))


@contextmanager
def after_batch(number: int, act: Any) -> Iterator[None]:
    """Call `act` inside the database transaction of the batch of this number."""
    seen = 0

    def receive(posted: Sequence[Posted], **_kwargs: Any) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            act()

    transactions_posted.connect(receive, weak=False)
    try:
        yield
    finally:
        transactions_posted.disconnect(receive)


def test_import_posts_each_type(tmp_path: Path, alice: User, bob: User) -> None:
    out = run_import(written(tmp_path, MIXED))

    assert "7 rows: 6 posted, 1 refused and kept as failed" in out
    assert amount_of(alice) == 10_000 - 3_050 + 100
    assert amount_of(bob) == 3_050 - 550 - 100
    assert amount_of(bob, "JPY") == 50
    assert amount_of(House.EXTERNAL) == -10_000 + 550
    assert amount_of(House.ADJUSTMENTS) == 0
    assert_books_are_sound()


def test_import_keeps_reference_and_value_date(tmp_path: Path, alice: User, bob: User) -> None:
    before = timezone.now()

    run_import(written(tmp_path, MIXED))

    rent = Transaction.objects.get(reference="rent, January")
    assert rent.currency == settings.DEFAULT_CURRENCY
    assert rent.effective_at == datetime(2026, 1, 6, tzinfo=UTC)
    assert rent.created_at >= before
    salary = Transaction.objects.get(reference="salary")
    assert salary.effective_at == datetime(2026, 1, 5, 8, tzinfo=UTC)
    assert Transaction.objects.get(reference="atm").effective_at >= before


def test_import_keeps_what_was_refused_as_failed(tmp_path: Path, alice: User, bob: User) -> None:
    run_import(written(tmp_path, MIXED))

    refused = Transaction.objects.get(reference="too much")
    assert refused.status == TransactionStatus.FAILED
    assert refused.failure_code == "insufficient_funds"
    assert refused.type == TransactionType.TRANSFER


def test_import_is_in_the_audit_trail(tmp_path: Path, alice: User, bob: User) -> None:
    run_import(written(tmp_path, MIXED))

    records = AuditLog.objects.filter(actor_name="import_transactions", actor_id="")
    assert records.filter(action="transaction.completed").count() == 6
    assert records.filter(action="transaction.failed").count() == 1


def test_repeated_import_posts_nothing(tmp_path: Path, alice: User, bob: User) -> None:
    path = written(tmp_path, MIXED)
    run_import(path)
    before = list(Balance.objects.order_by("pk").values())

    out = run_import(path, batch_size=2)

    assert "7 rows: 0 posted, 0 refused and kept as failed, 7 already there" in out
    assert list(Balance.objects.order_by("pk").values()) == before
    assert Transaction.objects.count() == IdempotencyKey.objects.count() == 7


def test_import_under_another_name_is_another_import(tmp_path: Path, alice: User) -> None:
    path = many(tmp_path, 3)
    run_import(path)

    run_import(path, name="second")

    assert amount_of(alice) == 600


def test_rows_taken_for_old_ones_are_told(tmp_path: Path, alice: User) -> None:
    """Tuesday's file has the name of Monday's, and one row that reads the same."""
    head = "type,from,to,amount\n"
    monday = run_import(written(tmp_path, head + "deposit,,alice,1.00\n"))
    assert "the name moves.csv" not in monday
    tuesday = written(tmp_path, head + "deposit,,alice,1.00\ndeposit,,alice,2.00\n")
    assert "1 of 2 rows were already there under the name moves.csv" in run_import(tuesday)
    assert amount_of(alice) == 300
    assert "under the name" not in run_import(tuesday, name="tuesday")
    assert amount_of(alice) == 600


def test_import_of_a_mended_file_posts_what_was_left_out(
    tmp_path: Path, alice: User, bob: User
) -> None:
    head = "type,from,to,amount\ndeposit,,alice,1.00\n"
    run_import(written(tmp_path, head + "deposit,,alice,oops\ndeposit,,bob,2"), skip_invalid=True)

    out = run_import(written(tmp_path, head + "deposit,,alice,4.00\ndeposit,,bob,2"))

    assert "3 rows: 1 posted, 0 refused and kept as failed, 2 already there" in out
    assert (amount_of(alice), amount_of(bob)) == (500, 200)


def test_import_of_a_file_with_lines_taken_out_and_added_repeats_none(
    tmp_path: Path, alice: User, bob: User
) -> None:
    head = "type,from,to,amount\n"
    one, two, three = "deposit,,alice,1.00\n", "deposit,,bob,2.00\n", "deposit,,bob,3.00\n"
    run_import(
        written(tmp_path, head + "deposit,,alice,oops\n" + one + two + one), skip_invalid=True
    )

    out = run_import(written(tmp_path, head + three + one + two + one + one))

    assert "5 rows: 2 posted, 0 refused and kept as failed, 3 already there" in out
    assert (amount_of(alice), amount_of(bob)) == (300, 500)


def test_repeated_import_does_not_mind_users_who_left(tmp_path: Path, alice: User) -> None:
    path = written(tmp_path, "type,from,to,amount\ndeposit,,alice,1\nwithdrawal,alice,,1\n")
    run_import(path)
    User.objects.filter(pk=alice.pk).update(deleted_at=timezone.now(), is_active=False)

    out = run_import(path)

    assert "2 already there" in out


def test_import_makes_users_only_when_told_to(tmp_path: Path, alice: User) -> None:
    path = written(tmp_path, "type,from,to,amount\ndeposit,,Zoe,5\ntransfer,zoe,alice,1\n")
    with pytest.raises(CommandError, match="line 2: there is no user Zoe"):
        run_import(path)

    run_import(path, create_users=True)

    zoe = User.objects.get(username="Zoe")
    assert (zoe.email, zoe.role, zoe.is_active) == ("", "user", True)
    assert not zoe.has_usable_password()
    assert list(zoe.groups.values_list("name", flat=True)) == ["user"]
    assert AuditLog.objects.filter(action="user.created", entity_id=str(zoe.pk)).count() == 1
    assert (amount_of(zoe), amount_of(alice)) == (400, 100)


def test_import_stops_after_the_batch_when_interrupted_and_resumes(
    tmp_path: Path, alice: User
) -> None:
    path = many(tmp_path, 50)

    with (
        after_batch(2, lambda: signal.raise_signal(signal.SIGINT)),
        pytest.raises(CommandError, match="Stopped after 20 rows") as stopped,
    ):
        run_import(path, batch_size=10)
    assert stopped.value.returncode == 130
    assert "Run the same command again" in str(stopped.value)
    assert amount_of(alice) == 2_000

    out = run_import(path, batch_size=15)

    assert "30 posted, 0 refused and kept as failed, 20 already there" in out
    assert amount_of(alice) == 5_000
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_import_that_loses_the_database_resumes(
    tmp_path: Path, alice: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = many(tmp_path, 30)

    def lose() -> None:
        raise OperationalError(9999, "gone")

    with (
        after_batch(3, lose),
        pytest.raises(CommandError, match="posted is not posted twice"),
    ):
        run_import(path, batch_size=10)
    assert amount_of(alice) == 2_000

    run_import(path, batch_size=10)

    assert amount_of(alice) == 3_000
    assert_books_are_sound()


@pytest.mark.django_db(transaction=True)
def test_two_imports_of_one_file_at_once_post_it_once(tmp_path: Path) -> None:
    lines = [f"deposit,,user{n % 40},1.00" for n in range(200)]
    path = written(tmp_path, "\n".join(["type,from,to,amount", *lines]))

    answers = at_once([lambda: run_import(path, create_users=True, batch_size=20)] * 2)

    assert [type(answer) for answer in answers] == [str, str]
    assert Transaction.objects.count() == 200
    assert User.objects.count() == 40
    assert set(Balance.objects.filter(house=None).values_list("amount", flat=True)) == {500}
    assert_books_are_sound()


def test_import_does_not_count_what_a_frozen_balance_refuses_as_posted(
    tmp_path: Path, alice: User
) -> None:
    fund(alice, "1.00")
    Balance.objects.filter(user=alice).update(status="frozen", version=2)

    out = run_import(many(tmp_path, 3))

    assert "3 rows: 0 posted, 3 refused" in out
    assert amount_of(alice) == 100


@pytest.mark.parametrize("size", ["0", "-1", "x", "5001", "99999999999999999999"])
def test_import_refuses_an_absurd_batch_size(tmp_path: Path, size: str) -> None:
    with pytest.raises(CommandError, match="a number from 1 to 5000"):
        call_command("import_transactions", str(many(tmp_path, 1)), f"--batch-size={size}")
