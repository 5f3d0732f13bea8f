"""Redis on a short way: one connection for each thread, and nothing around a command.

What redis-py's client does around each (a pool, retries, events, its own metrics) takes several
times as long as Redis does, for every request. Its connections are used here, without it.
"""

import os
import threading
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha1
from typing import Any

from django_redis import get_redis_connection
from redis.connection import ConnectionPool
from redis.exceptions import NoScriptError, RedisError

Word = str | bytes | int


class Script:
    """In Lua, known to Redis by its digest once it has run."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()


class RedisLine:
    """Raises RedisError or OSError. A connection on which anything went wrong is closed, so that
    nobody reads the answer to what another has asked."""

    def __init__(self, pool: ConnectionPool) -> None:
        """`pool` says how to connect."""
        self._pool = pool
        self._own = threading.local()

    def ask(self, *command: Word) -> Any:
        """Redis's answer."""
        connection = self._connection()
        try:
            connection.send_packed_command(connection.pack_command(*command))
            return connection.read_response()
        except BaseException:
            connection.disconnect()
            raise

    def run(self, script: Script, keys: Sequence[Word], arguments: Sequence[Word] = ()) -> Any:
        """What the script returns."""
        words = (len(keys), *keys, *arguments)
        try:
            return self.ask("EVALSHA", script.digest, *words)
        except NoScriptError:
            return self.ask("EVAL", script.text, *words)

    def _connection(self) -> Any:  # redis-py's connections have no types
        """This thread's; connected anew if Redis has closed it meanwhile."""
        connection = getattr(self._own, "connection", None)
        if connection is None or connection.pid != os.getpid():
            connection = self._pool.connection_class(**self._pool.connection_kwargs)
            self._own.connection = connection
        try:
            is_fresh = not connection.can_read()
        except (RedisError, OSError):
            is_fresh = False
        if not is_fresh:
            connection.disconnect()
        return connection


def redis_line(alias: str = "default") -> RedisLine:
    """To the Redis of that cache of django-redis."""
    return _line_of(get_redis_connection(alias).connection_pool)


@lru_cache
def _line_of(pool: ConnectionPool) -> RedisLine:
    return RedisLine(pool)
