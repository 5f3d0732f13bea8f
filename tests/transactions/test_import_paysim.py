"""manage.py import_transactions --format paysim, on an excerpt of the data set."""

from datetime import UTC, datetime
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from audit.models import AuditLog
from balances.enums import House
from balances.models import Balance, BalanceHistory
from tests.books import amount_of, assert_books_are_sound
from transactions.enums import TransactionStatus, TransactionType
from transactions.models import Transaction
from transactions.paysim import plain
from users.models import User

pytestmark = pytest.mark.django_db

EXCERPT = Path(__file__).parent.parent / "data" / "paysim_excerpt.csv"
HEADER = (
    "step,type,amount,nameOrig,oldbalanceOrg,newbalanceOrig,"
    "nameDest,oldbalanceDest,newbalanceDest,isFraud,isFlaggedFraud\n"
)


def run_import(path: Path, **options: Any) -> str:
    out = StringIO()
    call_command(
        "import_transactions", str(path), format="paysim", stdout=out, stderr=StringIO(), **options
    )
    return out.getvalue()


def written(directory: Path, *rows: str) -> Path:
    path = directory / "some.csv"
    path.write_text(HEADER + "\n".join(rows))
    return path


def user(name: str) -> User:
    return User.objects.get(username=name)


@pytest.mark.parametrize("batch_size", [3, 1000])
def test_excerpt_is_imported_whole_in_batches_of_any_size(batch_size: int) -> None:
    out = run_import(EXCERPT, batch_size=batch_size)

    assert "204 rows: 83 posted, 121 refused and kept as failed, 0 already there" in out
    assert "364 users and 118 opening deposits made" in out
    assert Transaction.objects.count() == 204 + 118
    assert Transaction.objects.filter(status=TransactionStatus.FAILED).count() == 121
    assert User.objects.count() == 364
    assert_books_are_sound()


def everything() -> list[Any]:
    return [
        list(User.objects.order_by("pk").values()),
        list(Balance.objects.order_by("pk").values()),
        list(BalanceHistory.objects.order_by("pk").values()),
        list(Transaction.objects.order_by("pk").values()),
        list(AuditLog.objects.order_by("pk").values()),
    ]


def test_repeated_excerpt_changes_nothing() -> None:
    run_import(EXCERPT)
    before = everything()

    out = run_import(EXCERPT, batch_size=7)

    assert "204 already there" in out
    assert everything() == before


def test_first_appearance_as_origin_gets_an_opening_deposit(tmp_path: Path) -> None:
    run_import(
        written(
            tmp_path,
            "1,PAYMENT,40,C1,100,60,M1,0,0,0,0",
            "2,PAYMENT,10,C1,60,50,M1,0,0,0,0",  # seen already
            "2,PAYMENT,5,M1,900,895,C1,0,0,0,0",  # seen first as a destination
            "3,PAYMENT,5,C2,0.00,0,C1,0,0,0,0",  # opens with nothing
        )
    )

    openings = Transaction.objects.filter(description="Opening balance")
    assert list(openings.values_list("destination__user__username", "amount")) == [("C1", 10_000)]
    assert amount_of(user("C1")) == 10_000 - 5_000 + 500
    assert amount_of(user("M1")) == 5_000 - 500
    assert amount_of(user("C2")) == 0


def test_types_become_those_of_the_ledger(tmp_path: Path) -> None:
    run_import(
        written(
            tmp_path,
            "1,PAYMENT,1,C1,100,0,M1,0,0,0,0",
            "1,TRANSFER,2,C1,0,0,C2,0,0,0,0",
            "1,CASH_OUT,3,C1,0,0,C3,0,0,0,0",
            "1,DEBIT,4,C1,0,0,C3,0,0,0,0",
            "1,CASH_IN,5,C1,0,0,C3,0,0,0,0",
            "1,CASH_OUT,1000,C1,0,0,C3,0,0,0,0",
        )
    )

    found = Transaction.objects.exclude(description="Opening balance").order_by("pk")
    assert list(found.values_list("description", "type", "status", "currency")) == [
        ("PAYMENT", TransactionType.TRANSFER, "completed", "USD"),
        ("TRANSFER", TransactionType.TRANSFER, "completed", "USD"),
        ("CASH_OUT", TransactionType.WITHDRAWAL, "completed", "USD"),
        ("DEBIT", TransactionType.WITHDRAWAL, "completed", "USD"),
        ("CASH_IN", TransactionType.DEPOSIT, "completed", "USD"),
        ("CASH_OUT", TransactionType.WITHDRAWAL, "failed", "USD"),
    ]
    assert amount_of(user("C1")) == 10_000 - 100 - 200 - 300 - 400 + 500
    assert amount_of(House.EXTERNAL) == -10_000 + 300 + 400 - 500
    assert user("C3").balances.count() == 0


def test_step_becomes_the_value_date(tmp_path: Path) -> None:
    run_import(written(tmp_path, "25,CASH_IN,1,C1,0,0,C2,0,0,0,0"))

    assert Transaction.objects.get().effective_at == datetime(2024, 1, 2, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written_as", "meant"),
    [
        ("1.03E+07", "10300000"),
        ("1E+07", "10000000"),
        ("1.25E+01", "12.5"),
        ("9.99E+00", "9.99"),
        ("181", "181"),
        ("160296.36", "160296.36"),
        ("1.0e7", "1.0e7"),
        ("0.5E+03", "0.5E+03"),
        ("1E+5000000", "1E+5000000"),
    ],
)
def test_scientific_notation_is_moved_not_computed(written_as: str, meant: str) -> None:
    assert plain(written_as) == meant


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x,PAYMENT,1,C1,0,0,M1,0,0,0,0", "step is not a number"),
        ("0,PAYMENT,1,C1,0,0,M1,0,0,0,0", "step is not a number"),
        ("9999999999999,PAYMENT,1,C1,0,0,M1,0,0,0,0", "step is not a number"),
        ("1,payment,1,C1,0,0,M1,0,0,0,0", "'payment' is not one of"),
        ("1,PAYMENT,1.234,C1,0,0,M1,0,0,0,0", "2 decimals"),
        ("1,PAYMENT,0,C1,0,0,M1,0,0,0,0", "more than zero"),
        ("1,PAYMENT,9E+99,C1,0,0,M1,0,0,0,0", "at most 18 digits"),
        ("1,PAYMENT,1E+5000000,C1,0,0,M1,0,0,0,0", "plain decimal"),
        ("1,PAYMENT,1,C1,-5,0,M1,0,0,0,0", "more than zero"),
        ("1,PAYMENT,1,C1,,0,M1,0,0,0,0", "plain decimal"),
        ("1,PAYMENT,1,C 1,0,0,M1,0,0,0,0", "'C 1' can't be a username"),
        ("1,PAYMENT,1,C1,0,0,c1,0,0,0,0", "origin and its destination are the same"),
        ("1,PAYMENT,1,C1,0,0,M1,0,0,0", "10 fields where the header has 11"),
    ],
)
def test_bad_row_is_named_and_nobody_is_made(tmp_path: Path, row: str, reason: str) -> None:
    path = written(tmp_path, "1,CASH_IN,1,C8,0,0,C9,0,0,0,0", row)

    with pytest.raises(CommandError) as refusal:
        run_import(path)

    named, *_ = str(refusal.value).splitlines()
    assert named.startswith("line 3: ")
    assert reason in named
    assert not User.objects.exists()
    assert not Transaction.objects.exists()


def test_ledger_file_is_not_taken_for_paysim(tmp_path: Path) -> None:
    path = tmp_path / "moves.csv"
    path.write_text("type,from,to,amount\n")

    with pytest.raises(CommandError, match="lacks step, nameOrig, oldbalanceOrg, nameDest"):
        run_import(path)
