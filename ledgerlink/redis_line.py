"""Redis on a short way: one connection for each thread, and nothing around a command.

What redis-py's client does around each (a pool, retries, events, its own metrics) takes several
times as long as Redis does, for every request. Its connections are used here, without it.
"""

import os
import socket
import struct
import threading
import time
from collections.abc import Sequence
from functools import lru_cache
from hashlib import sha1
from typing import Any

from django_redis import get_redis_connection
from redis.connection import ConnectionPool
from redis.exceptions import NoScriptError, RedisError

SURE_SECONDS = 1.0

Word = str | bytes | int


class Script:
    """In Lua, known to Redis by its digest once it has run."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.digest = sha1(text.encode(), usedforsecurity=False).hexdigest()


class _Own(threading.local):
    """What a thread has."""

    connection: Any = None  # redis-py's have no types
    answered_at = 0.0  # time.monotonic()


class RedisLine:
    """Raises RedisError or OSError. A connection on which anything went wrong is given up, so that
    nobody reads the answer to what another has asked."""

    def __init__(self, pool: ConnectionPool) -> None:
        """`pool` says how to connect, and how long (seconds) to wait."""
        self._pool = pool
        self._own = _Own()

    def ask(self, *command: Word) -> Any:
        """Redis's answer."""
        own = self._own
        try:
            connection = self._connection()
            connection.send_packed_command(connection.pack_command(*command))
            answer = connection.read_response()
        except BaseException:
            self._give_up()
            raise
        own.answered_at = time.monotonic()
        return answer

    def run(self, script: Script, keys: Sequence[Word], arguments: Sequence[Word] = ()) -> Any:
        """What the script returns."""
        words = (len(keys), *keys, *arguments)
        try:
            return self.ask("EVALSHA", script.digest, *words)
        except NoScriptError:
            return self.ask("EVAL", script.text, *words)

    def _connection(self) -> Any:
        """This thread's, unless Redis has closed it. One that answered within the last second is
        not looked at: a Redis that went away in that second is in trouble anyhow."""
        own = self._own
        if own.connection is not None and own.connection.pid != os.getpid():
            own.connection = None  # of the process that this one is a copy of
        if own.connection is not None and time.monotonic() - own.answered_at > SURE_SECONDS:
            self._look_at(own.connection)
        if own.connection is None:
            own.connection = self._connected()
        return own.connection

    def _look_at(self, connection: Any) -> None:
        try:
            is_fresh = not connection.can_read()
        except (RedisError, OSError):
            is_fresh = False
        if not is_fresh:
            self._give_up()

    def _give_up(self) -> None:
        if self._own.connection is not None:
            self._own.connection.disconnect()
            self._own.connection = None

    def _connected(self) -> Any:
        """The kernel watches its time limit. Python would ask before each read and write whether it
        may, and each time a thread gives up the interpreter and waits to have it again."""
        connection: Any = self._pool.connection_class(**self._pool.connection_kwargs)
        connection.connect()
        seconds = connection.socket_timeout
        if seconds is not None:
            limit = struct.pack("ll", int(seconds), int(seconds % 1 * 1_000_000))
            connected = connection._sock  # noqa: SLF001 - nothing else leads to it
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, limit)
            connected.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, limit)
            connected.settimeout(None)
        return connection


def redis_line(alias: str = "default") -> RedisLine:
    """To the Redis of that cache of django-redis."""
    return _line_of(get_redis_connection(alias).connection_pool)


@lru_cache
def _line_of(pool: ConnectionPool) -> RedisLine:
    return RedisLine(pool)
