"""Long queries are let run, and the limit is there again after."""

import pytest
from django.conf import settings
from django.db import OperationalError, connection

from ledgerlink.patience import without_read_timeout

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

    with without_read_timeout():
        sleep(1.5)

    with pytest.raises(OperationalError, match="2013"):
        sleep(1.5)
    connection.close()


@pytest.mark.django_db
def test_open_transaction_keeps_its_connection() -> None:
    before = connection.connection

    with without_read_timeout():
        assert connection.connection is before
