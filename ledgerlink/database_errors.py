"""What an error of the database means, on SQLite and the MySQL family."""

from django.db import DatabaseError, InterfaceError, OperationalError

# MySQL and MariaDB error numbers.
_LOCK_WAIT_TIMEOUT = 1205
_COLLISIONS = {1020, 1213}  # record changed, deadlock
_NEVER_CONNECTED = {
    *(1040, 1203),  # too many connections
    *(1045, 1049, 2002, 2003, 2005),  # refused: by the account, the database, the host
    *(1047, 1290, 1836),  # a node that is not ready, or only read from since a failover
}
_FULL = {1021, 1114}  # the disk, the table
_LOST = {1053, 1927, 2006, 2013, 2055, 4031}


def is_lost(error: BaseException) -> bool:
    """The connection is gone, or there never was one."""
    return isinstance(error, InterfaceError) or _number(error) in _LOST or never_connected(error)


def never_connected(error: BaseException) -> bool:
    """Nothing can have been committed."""
    return _number(error) in _NEVER_CONNECTED or _says(error, "unable to open database")


def is_collision(error: BaseException) -> bool:
    """Another transaction was in the way; this one was rolled back whole and may be tried again."""
    return is_held_up(error) or _number(error) in _COLLISIONS


def is_full(error: BaseException) -> bool:
    """The database has no room for more; nothing of the transaction was kept."""
    return _number(error) in _FULL or _says(error, "disk is full")


def is_held_up(error: BaseException) -> bool:
    """A lock was not granted, after all the time that the database lets one wait."""
    return _number(error) == _LOCK_WAIT_TIMEOUT or _says(error, "locked")


def _number(error: BaseException) -> int:
    known = isinstance(error, DatabaseError) and error.args and isinstance(error.args[0], int)
    return error.args[0] if known else 0


def _says(error: BaseException, words: str) -> bool:
    """SQLite's errors have no numbers that Django hands on."""
    return isinstance(error, OperationalError) and not _number(error) and words in str(error)
