"""manage.py import_transactions: files and lines that can't be used."""

import os
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.books import amount_of, fund
from transactions.csv_lines import MAX_LINE_BYTES
from transactions.models import Transaction
from users.models import User

pytestmark = pytest.mark.django_db

HEADER = "type,from,to,amount,currency,time,reference\n"
GOOD = "transfer,alice,bob,1.00,USD,,\n"


def run_import(path: Path | str, **options: Any) -> tuple[str, str]:
    out, err = StringIO(), StringIO()
    call_command("import_transactions", str(path), stdout=out, stderr=err, **options)
    return out.getvalue(), err.getvalue()


def written(directory: Path, content: str | bytes) -> Path:
    path = directory / "moves.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "is empty"),
        (b"\n  \n", "The file is empty"),
        ("type;from;to;amount\n", "lacks type, from, to, amount"),
        ("type,from,amount\n", "lacks to"),
        ("type,from,to,amount,colour\n", "'colour'"),
        ("type,from,to,amount,to\n", "names a column twice"),
        (HEADER.encode("utf-16"), "Line 1 is no header: it is not UTF-8"),
        (b"type,from\0,to,amount\n", "Line 1 is no header: it holds a NUL"),
        (b"\x89PNG\r\n\x1a\n", "Line 1 is no header: it is not UTF-8"),
    ],
)
def test_import_refuses_what_is_no_such_file(
    tmp_path: Path, content: str | bytes, reason: str
) -> None:
    with pytest.raises(CommandError, match=reason):
        run_import(written(tmp_path, content))


def test_import_refuses_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"can't be read: No such file or directory"):
        run_import(tmp_path / "none.csv")


def test_import_refuses_a_directory(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="is not a regular file"):
        run_import(tmp_path)


def test_import_refuses_a_pipe_without_waiting_for_it(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    with pytest.raises(CommandError, match="is not a regular file"):
        run_import(tmp_path / "pipe")


def test_import_refuses_a_name_with_a_nul() -> None:
    with pytest.raises(CommandError, match="can't be read"):
        run_import("moves\0.csv")


def test_import_of_a_header_alone_posts_nothing(tmp_path: Path) -> None:
    out, _err = run_import(written(tmp_path, HEADER))

    assert "0 rows: 0 posted" in out


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("transfer,alice,bob", "3 fields where the header has 7"),
        ("transfer,alice,bob,1,USD,,,", "8 fields where the header has 7"),
        ('transfer,"alice,bob,1,USD,,', "quotes are not closed"),
        ('transfer,"ali"ce,bob,1,USD,,', "quotes are not closed"),
        (b"transfer,alice,b\xffb,1,USD,,", "not UTF-8"),
        ("transfer,alice,bob,1,USD,,a\0b", "NUL"),
        (f"transfer,alice,bob,1,USD,,{'x' * MAX_LINE_BYTES}", "longer than 65536 bytes"),
        (f"transfer,alice,bob,1,USD,,{'x' * 101}", "reference is longer than 100"),
        ("payment,alice,bob,1,USD,,", "type 'payment' is not one of"),
        ("reversal,alice,bob,1,USD,,", "type 'reversal' is not one of"),
        ("transfer,alice,bob,0,USD,,", "more than zero"),
        ("transfer,alice,bob,-1,USD,,", "more than zero"),
        ("transfer,alice,bob,1.001,USD,,", "2 decimals"),
        ("transfer,alice,bob,1e5000000,USD,,", "plain decimal"),
        ("transfer,alice,bob,NaN,USD,,", "plain decimal"),
        ('transfer,alice,bob,"1,000.00",USD,,', "plain decimal"),
        (f"transfer,alice,bob,{'9' * 5000},USD,,", "at most 18 digits"),
        ("transfer,alice,bob,,USD,,", "plain decimal"),
        ("transfer,alice,bob,1,usd,,", "ISO 4217"),
        ("transfer,alice,bob,1,XXX,,", "ISO 4217"),
        ("transfer,alice,alice,1,USD,,", "source and its destination are the same"),
        ("transfer,alice,ALICE,1,USD,,", "source and its destination are the same"),
        ("transfer,alice,,1,USD,,", "'' can't be a username"),
        ("transfer,alice,house:external,1,USD,,", "can't be a username"),
        ("transfer,alice,nobody,1,USD,,", "no user nobody"),
        ("deposit,alice,bob,1,USD,,", "'alice' where house:external belongs"),
        ("deposit,house:fees,bob,1,USD,,", "'house:fees' where house:external belongs"),
        ("withdrawal,alice,bob,1,USD,,", "'bob' where house:external belongs"),
        ("adjustment,alice,bob,1,USD,,", "'bob' where house:adjustments belongs"),
        ("transfer,alice,bob,1,USD,yesterday,", "not RFC 3339"),
        ("transfer,alice,bob,1,USD,2026-11-22,", "not RFC 3339"),
        ("transfer,alice,bob,1,USD,2026-11-22T10:00:00,", "not RFC 3339"),
        ("transfer,alice,bob,1,USD,2026-02-30T10:00:00Z,", "not RFC 3339"),
        ("transfer,alice,bob,1,USD,0001-01-01T00:00:00+14:00,", "between the years"),
        ("transfer,alice,bob,1,USD,9999-12-31T23:59:59-14:00,", "between the years"),
    ],
)
def test_import_names_the_bad_line_and_posts_nothing(
    tmp_path: Path, alice: User, bob: User, line: str | bytes, reason: str
) -> None:
    fund(alice, "10.00")
    raw = line if isinstance(line, bytes) else line.encode()
    path = written(tmp_path, (HEADER + GOOD).encode() + raw + b"\n" + GOOD.encode())

    with pytest.raises(CommandError) as refusal:
        run_import(path)

    named, *_ = str(refusal.value).splitlines()
    assert named.startswith("line 3: ")
    assert reason in named
    assert "Nothing was posted" in str(refusal.value)
    assert Transaction.objects.count() == 1
    assert amount_of(alice) == 1_000


def test_import_leaves_bad_lines_out_when_told_to(tmp_path: Path, alice: User, bob: User) -> None:
    fund(alice, "10.00")
    too_long = b"x" * (3 * MAX_LINE_BYTES)
    path = written(
        tmp_path,
        (HEADER + GOOD).encode() + too_long + b"\ntransfer,alice,nobody,1,,,\n" + GOOD.encode(),
    )

    out, err = run_import(path, skip_invalid=True)

    assert "4 rows: 2 posted, 0 refused and kept as failed, 0 already there, 2 left out" in out
    assert "line 3: it is longer than 65536 bytes" in err
    assert "line 4: " in err
    assert amount_of(bob) == 200


def test_import_lists_the_first_twenty_bad_lines(tmp_path: Path) -> None:
    path = written(tmp_path, HEADER + "nonsense\n" * 30)

    with pytest.raises(CommandError) as refusal:
        run_import(path)

    lines = str(refusal.value).splitlines()
    assert [line.partition(":")[0] for line in lines[:20]] == [f"line {n}" for n in range(2, 22)]
    assert lines[20] == "and 10 more bad lines"


def test_import_takes_a_byte_order_mark_windows_line_ends_and_blank_lines(
    tmp_path: Path, alice: User, bob: User
) -> None:
    fund(alice, "10.00")
    content = "\ufeff" + (HEADER + "\n" + GOOD + "\n" + GOOD.rstrip()).replace("\n", "\r\n")

    run_import(written(tmp_path, content))

    assert amount_of(bob) == 200


def test_dry_run_reads_everything_and_posts_nothing(tmp_path: Path, alice: User, bob: User) -> None:
    out, _err = run_import(written(tmp_path, HEADER + GOOD + GOOD), dry_run=True)

    assert "2 of 2 rows can be posted. Nothing was posted." in out
    assert not Transaction.objects.exists()
