"""One connection for each thread, closed when anything goes wrong on it."""

import os
import signal
import time

import pytest
from django_redis import get_redis_connection
from redis.exceptions import RedisError, ResponseError

import ledgerlink.redis_line
from bench.servers.redis import Redis
from ledgerlink.redis_line import RedisLine, Script, redis_line
from tests.concurrency import in_background

ADD = Script("return redis.call('INCRBY', KEYS[1], ARGV[1])")


@pytest.fixture
def line(redis_in_use: None) -> RedisLine:
    return redis_line()


def own_id(line: RedisLine) -> int:
    """Redis's number of the connection on which this thread asks."""
    return int(line.ask("CLIENT", "ID"))


def test_answers_are_those_of_redis(line: RedisLine) -> None:
    assert line.ask("SET", "key", 7) == b"OK"
    assert line.ask("GET", "key") == b"7"
    assert line.ask("GET", "nothing") is None


def test_same_cache_has_the_same_line(line: RedisLine) -> None:
    assert redis_line() is line


def test_thread_keeps_its_connection_and_shares_it_with_none(line: RedisLine) -> None:
    mine = own_id(line)
    with in_background() as start:
        other = start(lambda: (own_id(line), own_id(line))).result()
    assert own_id(line) == mine != other[0]
    assert other[0] == other[1]


def test_script_runs_also_where_redis_does_not_know_it(line: RedisLine) -> None:
    line.ask("SCRIPT", "FLUSH")
    assert line.run(ADD, ["sum"], [2]) == 2  # sent whole, and known from then on
    assert line.run(ADD, ["sum"], [2]) == 4
    line.ask("SCRIPT", "FLUSH")
    assert line.run(ADD, ["sum"], [2]) == 6


def test_connection_that_redis_has_closed_is_made_anew(
    line: RedisLine, redis_server: Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ledgerlink.redis_line, "SURE_SECONDS", 0.0)
    mine = own_id(line)
    get_redis_connection("default").client_kill_filter(_id=str(mine))
    assert own_id(line) > mine
    redis_server.kill()
    redis_server.start()
    assert line.ask("PING") == b"PONG"


def test_error_is_raised_and_the_next_answer_is_right(line: RedisLine) -> None:
    line.ask("SET", "key", "no number")
    with pytest.raises(ResponseError, match="not an integer"):
        line.run(ADD, ["key"], [1])
    assert line.ask("GET", "key") == b"no number"


def test_answer_that_comes_late_is_nobodys(line: RedisLine, redis_server: Redis) -> None:
    line.ask("MSET", "mine", "1", "yours", "2")
    os.kill(redis_server.pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(RedisError):
            line.ask("GET", "mine")
        assert 0.25 <= time.monotonic() - started < 5  # seconds
    finally:
        os.kill(redis_server.pid, signal.SIGCONT)
    assert line.ask("GET", "yours") == b"2"


def test_redis_that_is_gone_raises(line: RedisLine, redis_server: Redis) -> None:
    line.ask("PING")
    redis_server.kill()
    try:
        with pytest.raises((RedisError, OSError)):
            line.ask("PING")
    finally:
        redis_server.start()
    assert line.ask("PING") == b"PONG"
