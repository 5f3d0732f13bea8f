"""Long queries are let run, and the limit is there again after."""

import pytest
from django.conf import settings
from django.db import OperationalError, connection

from ledgerlink.patience import patience

pytestmark = pytest.mark.skipif(
    not settings.DB_HOST, reason="SQLite works in this process: nobody waits for an answer"
)


def sleep(seconds: float) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT SLEEP(%s)", [seconds])


@pytest.mark.django_db(transaction=True)
def test_read_timeout_is_lifted_inside_and_back_after(monkeypatch: pytest.MonkeyPatch) -> None:
    options = {**connection.settings_dict["OPTIONS"], "read_timeout": 1}
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", options)
    connection.close()

    with patience():
        sleep(1.5)

    with pytest.raises(OperationalError, match="2013"):
        sleep(1.5)
    connection.close()


def idle_limits() -> tuple[int, ...]:
    """Seconds that the server lets this connection say nothing: at all, and in a transaction."""
    mariadb = getattr(connection, "mysql_is_mariadb", False)
    names = ["wait_timeout", *(["idle_transaction_timeout"] if mariadb else [])]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(f'@@{name}' for name in names)}")
        return tuple(cursor.fetchone())


@pytest.mark.django_db(transaction=True)
def test_pauses_may_be_longer_inside() -> None:
    usual = idle_limits()
    assert usual == (600, 20)[: len(usual)]
    with patience():
        assert idle_limits() == (3600, 3600)[: len(usual)]
    assert idle_limits() == usual


@pytest.mark.django_db
def test_open_transaction_keeps_its_connection() -> None:
    before = connection.connection

    with patience():
        assert connection.connection is before
