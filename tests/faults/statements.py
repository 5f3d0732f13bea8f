"""Something happens at one statement that is sent to the database: before it, or after it."""

import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, NoReturn

import MySQLdb
from django.db import DataError, OperationalError, connection

Fault = Callable[[], object]


@dataclass
class Statement:
    """The `number`-th from now on; `happened` once the fault did."""

    number: int
    after: bool
    fault: Fault
    sent: int = 0
    happened: bool = False
    sql: str = ""

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:  # noqa: FBT001 - Django's signature
        self.sent += 1
        now = self.sent == self.number
        self.sql = sql if now else self.sql
        # A transaction that SQLite has begun is not refused.
        after = self.after and not sql.startswith("BEGIN")
        if now and not after:
            self.strike()
        result = execute(sql, params, many, context)
        if now and after:
            self.strike()
        return result

    def strike(self) -> None:
        self.happened = True
        self.fault()


@contextmanager
def counted() -> Iterator[Statement]:
    """How many statements are sent inside."""
    counting = Statement(0, after=False, fault=lambda: None)
    with connection.execute_wrapper(counting):
        yield counting


@contextmanager
def fault_at(number: int, fault: Fault, *, after: bool) -> Iterator[Statement]:
    striking = Statement(number, after=after, fault=fault)
    with connection.execute_wrapper(striking):
        yield striking


def connection_lost() -> None:
    """The server ends it, as it does when it dies or fails over."""
    options = connection.get_connection_params()
    with MySQLdb.connect(
        host=options["host"],
        port=options["port"],
        user=options["user"],
        password=options["password"],
    ) as other:
        other.query(f"KILL CONNECTION {connection.connection.thread_id()}")


def deadlock() -> NoReturn:
    """The server rolls back all that was done."""
    connection.connection.rollback()
    raise OperationalError(1213, "Deadlock found when trying to get lock")


def lock_timeout() -> NoReturn:
    """Nothing is rolled back but the statement."""
    raise OperationalError(1205, "Lock wait timeout exceeded")


def database_locked() -> NoReturn:
    """SQLite's word for it."""
    raise OperationalError("database is locked")


def refused_for_good() -> NoReturn:
    """What no attempt will mend."""
    raise DataError("out of range")


def killed() -> None:
    """This process; nothing is told to anybody."""
    os.kill(os.getpid(), signal.SIGKILL)


FAULTS: dict[str, Fault] = {"refused for good": refused_for_good}
if connection.vendor == "mysql":
    FAULTS |= {
        "connection lost": connection_lost,
        "deadlock": deadlock,
        "lock timeout": lock_timeout,
    }
else:
    FAULTS |= {"database locked": database_locked}
