"""The original's pattern: what the Go service sends to database and Redis for one transfer.

`python -m bench.original SECONDS` prints the transfers per second of bare client loops, without
HTTP, on tables of their own in the database that the environment names. bench/README.md lists the
statements.
"""

import os
import random
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import MySQLdb
import redis

LOOPS = 32
ACCOUNTS = 10_000
TABLES = """
DROP TABLE IF EXISTS go_balances, go_transactions, go_history, go_audit;
CREATE TABLE go_balances (id BIGINT PRIMARY KEY, amount BIGINT NOT NULL, updated_at DATETIME(6));
CREATE TABLE go_transactions (id BIGINT AUTO_INCREMENT PRIMARY KEY, source BIGINT,
  destination BIGINT, amount BIGINT, status VARCHAR(20), created_at DATETIME(6),
  INDEX (source), INDEX (destination), INDEX (status));
CREATE TABLE go_history (id BIGINT AUTO_INCREMENT PRIMARY KEY, account BIGINT, transaction BIGINT,
  amount_before BIGINT, amount_after BIGINT, created_at DATETIME(6), INDEX (account));
CREATE TABLE go_audit (id BIGINT AUTO_INCREMENT PRIMARY KEY, entity BIGINT, action VARCHAR(40),
  details TEXT, created_at DATETIME(6), INDEX (entity));
"""


def main(seconds: float) -> None:
    with connect() as connection, connection.cursor() as cursor:
        for statement in filter(str.strip, TABLES.split(";")):
            cursor.execute(statement)
        accounts = [(number, 1_000_000) for number in range(ACCOUNTS)]
        cursor.executemany("INSERT INTO go_balances (id, amount) VALUES (%s, %s)", accounts)
        connection.commit()
    started = time.perf_counter()
    with ThreadPoolExecutor(LOOPS) as pool:
        done = sum(pool.map(loop, [started + seconds] * LOOPS))
    print(done / (time.perf_counter() - started))


def connect() -> Any:
    env = os.environ
    return MySQLdb.connect(
        host=env["DB_HOST"],
        port=int(env["DB_PORT"]),
        user=env["DB_USER"],
        password=env["DB_PASSWORD"],
        database=env["DB_NAME"],
    )


def loop(until: float) -> int:
    env = os.environ
    cache = redis.Redis(
        host=env["REDIS_HOST"], port=int(env["REDIS_PORT"]), password=env["REDIS_PASSWORD"]
    )
    done = 0
    with connect() as connection, connection.cursor() as cursor:
        while time.perf_counter() < until:
            source, destination = random.sample(range(ACCOUNTS), 2)
            transfer(cursor, cache, source, destination)
            done += 1
    return done


def transfer(cursor: Any, cache: "redis.Redis", source: int, destination: int) -> None:
    """10 commits with 32 statements, and 4 calls of Redis."""
    before = [balance(cursor, cache, account) for account in (source, destination)]
    write = writer(cursor)
    number = write(
        "INSERT INTO go_transactions (source, destination, amount, status, created_at)"
        " VALUES (%s, %s, 1, 'pending', NOW(6))",
        (source, destination),
    )
    audit = "INSERT INTO go_audit (entity, action, details, created_at) VALUES (%s, %s, %s, NOW(6))"
    write(audit, (number, "create", f"transfer from {source} to {destination}"))
    for account, amount, delta in zip((source, destination), before, (-1, 1), strict=True):
        write(
            "UPDATE go_balances SET amount = amount + %s, updated_at = NOW(6) WHERE id = %s",
            (delta, account),
        )
        write(
            "INSERT INTO go_history (account, transaction, amount_before, amount_after, created_at)"
            " VALUES (%s, %s, %s, %s, NOW(6))",
            (account, number, amount, amount + delta),
        )
        write(audit, (number, "balance", f"account {account} by {delta}"))
        cache.delete(f"balance:{account}")
    write("UPDATE go_transactions SET status = 'completed' WHERE id = %s", (number,))
    write(audit, (number, "completed", "transfer completed"))


def balance(cursor: Any, cache: "redis.Redis", account: int) -> int:
    """As the cache has it, with the row read in any case."""
    cache.get(f"balance:{account}")
    cursor.execute("SELECT amount FROM go_balances WHERE id = %s", (account,))
    amount: int = cursor.fetchone()[0]
    return amount


def writer(cursor: Any) -> Callable[[str, tuple[Any, ...]], int]:
    """Each statement is a database transaction of its own."""

    def write(sql: str, values: tuple[Any, ...]) -> int:
        cursor.execute("BEGIN")
        cursor.execute(sql, values)
        number: int = cursor.lastrowid
        cursor.execute("COMMIT")
        return number

    return write


if __name__ == "__main__":
    main(float(sys.argv[1]))
