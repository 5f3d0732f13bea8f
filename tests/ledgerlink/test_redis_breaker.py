"""A Redis that fails is left alone, and then tried by one caller at a time."""

import threading

import pytest
from redis.exceptions import TimeoutError as RedisTimeoutError

from ledgerlink import redis_breaker
from ledgerlink.redis_breaker import RedisBreaker
from tests.concurrency import PATIENCE, eventually, in_background


class Asked:
    """A Redis that fails until it is mended; it counts its calls."""

    def __init__(self) -> None:
        self.calls = 0
        self.works = False
        self.answers = threading.Event()
        self.answers.set()

    def __call__(self) -> str:
        self.calls += 1
        assert self.answers.wait(PATIENCE)
        if not self.works:
            raise RedisTimeoutError
        return "answer"


@pytest.fixture
def short_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_breaker, "REST_SECONDS", 0.01)


def test_failure_gives_what_was_asked_for_instead_and_is_told() -> None:
    missed: list[int] = []
    breaker, redis = RedisBreaker(missed=lambda: missed.append(1)), Asked()
    assert [breaker.call(redis, "otherwise") for _ in range(5)] == ["otherwise"] * 5
    assert redis.calls == 1
    assert len(missed) == 5


def test_failure_of_another_kind_is_raised() -> None:
    def broken() -> str:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        RedisBreaker().call(broken, "otherwise")


@pytest.mark.usefixtures("short_rest")
def test_it_is_asked_again_after_a_rest() -> None:
    breaker, redis = RedisBreaker(), Asked()
    breaker.call(redis, "otherwise")
    redis.works = True
    eventually(lambda: breaker.call(redis, "otherwise") == "answer")
    calls = redis.calls
    assert [breaker.call(redis, "otherwise") for _ in range(3)] == ["answer"] * 3
    assert redis.calls == calls + 3


def test_while_one_tries_the_others_go_without(monkeypatch: pytest.MonkeyPatch) -> None:
    breaker, redis = RedisBreaker(), Asked()
    with monkeypatch.context() as short:
        short.setattr(redis_breaker, "REST_SECONDS", 0.0)
        breaker.call(redis, "otherwise")
    redis.answers.clear()
    with in_background() as start:
        trial = start(lambda: breaker.call(redis, "otherwise"))
        eventually(lambda: redis.calls == 2)
        assert [breaker.call(redis, "otherwise") for _ in range(9)] == ["otherwise"] * 9
        redis.works = True
        redis.answers.set()
        assert trial.result(PATIENCE) == "answer"
    assert redis.calls == 2
