"""Databases of a test's own, for servers and commands that run as processes."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import MySQLdb
from django.conf import settings


@contextmanager
def own_database(name: str, directory: Path) -> Iterator[Mapping[str, str]]:
    """An empty database on the engine of this run, as the environment that selects it; gone after.

    On SQLite it is a file in `directory`. Redis, where there is one, is the one of this run.
    """
    if not settings.DB_HOST:
        yield {"DB_HOST": "", "REDIS_HOST": "", "SQLITE_PATH": str(directory / f"{name}.sqlite3")}
        return
    database = f"ledgerlink_{name}_{os.getpid()}"
    options = settings.DATABASES["default"]
    connection = MySQLdb.connect(
        host=options["HOST"],
        port=int(str(options["PORT"])),
        user=options["USER"],
        password=options["PASSWORD"],
        autocommit=True,
    )
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE IF EXISTS {database}")
            cursor.execute(f"CREATE DATABASE {database} CHARACTER SET utf8mb4")
        yield {"DB_NAME": database}
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {database}")
    finally:
        connection.close()
