"""The database backend: what it asks the server beside the statements themselves."""

import time
from collections.abc import Iterator

import pytest
from django.core.signals import request_started
from django.db import OperationalError, connection, connections
from django.db.transaction import atomic, set_rollback

from ledgerlink.mysql import base
from tests.books import make_user
from users.models import User

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "mysql", reason="of MySQL and MariaDB"),
]


@pytest.fixture
def now(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[float]]:
    """The time, which tests set, with a connection that was asked just now."""
    connection.ensure_connection()
    clock = [time.monotonic() + base.SURE_SECONDS]
    monkeypatch.setattr(time, "monotonic", lambda: clock[0])
    request_started.send(sender=None)
    one()
    yield clock
    connection.close()


def one() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        row = cursor.fetchone()
    return int(row[0])


def cut_off() -> None:
    """The server ends the connection."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT CONNECTION_ID()")
        number = int(cursor.fetchone()[0])
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute(f"KILL {number}")
    finally:
        other.close()


def test_connection_that_rested_is_replaced_when_it_is_gone(now: list[float]) -> None:
    cut_off()
    now[0] += base.SURE_SECONDS
    request_started.send(sender=None)
    assert one() == 1


def test_connection_that_answered_just_now_is_not_asked(now: list[float]) -> None:
    cut_off()
    now[0] += base.SURE_SECONDS / 2
    request_started.send(sender=None)
    with pytest.raises(OperationalError):
        one()
    request_started.send(sender=None)  # the next request: an error occurred
    assert one() == 1


def asked() -> int:
    """How many statements this connection has sent so far."""
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Questions'")
        return int(cursor.fetchone()[1])


def test_transaction_adds_its_begin_and_its_commit_alone() -> None:
    one()
    before = asked()
    with atomic():
        one()
    assert asked() - before == len(["BEGIN", "SELECT", "COMMIT", "SHOW"])


def test_what_follows_a_transaction_is_committed_by_itself() -> None:
    with atomic():
        make_user("first")
    with atomic():
        make_user("second")
        set_rollback(True)
    make_user("third")
    connection.close()
    names = ["first", "second", "third"]
    kept = User.objects.filter(username__in=names).values_list("username", flat=True)
    assert sorted(kept) == ["first", "third"]
