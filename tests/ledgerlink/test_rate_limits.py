"""What is counted, by what, and how exactly: in the process and in Redis, also while that is
away."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest
from django.core.cache import caches
from django.http import HttpRequest
from django.test import RequestFactory
from django.urls import URLPattern, get_resolver
from django_redis import get_redis_connection
from pytest_django import Settings

from bench.servers.redis import Redis
from ledgerlink.counters import RedisCounters
from ledgerlink.rate_limits import (
    KNOWN_SECONDS,
    LIMITS,
    Caller,
    address_of,
    count,
    count_account,
    limit_of,
    remember,
)
from ledgerlink.rates import rates
from ledgerlink.redis_breaker import REST_SECONDS, RedisBreaker
from tests.concurrency import at_once, eventually
from tests.rate_clock import RateClock

ALICE = Caller("203.0.113.9", user_id=1, role="user")
BOB = Caller("203.0.113.9", user_id=2, role="user")
FINANCE = Caller("203.0.113.9", user_id=3, role="finance")
NOBODY = Caller("203.0.113.9")
ELSEWHERE = Caller("198.51.100.66")

Fault = Callable[[Redis], AbstractContextManager[None]]


@pytest.fixture
def in_process(settings: Settings) -> Iterator[None]:
    settings.CACHES = {
        name: {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": name}
        for name in ("default", "rate_limits")
    }
    caches["rate_limits"].clear()
    yield
    caches["rate_limits"].clear()


@pytest.fixture
def in_redis(redis_in_use: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The counters in a private server; gives a client of it."""
    monkeypatch.setattr(RedisCounters, "breaker", RedisBreaker())
    return get_redis_connection("default")


@pytest.fixture(params=["in_process", "in_redis"])
def counters(request: pytest.FixtureRequest) -> None:
    request.getfixturevalue(request.param)


@pytest.fixture(autouse=True)
def limits(settings: Settings) -> None:
    settings.RATELIMIT_ENABLE = True
    settings.RATELIMITS = {
        "login": rates("", "5/m"),
        "login_account": rates("", "3/h"),
        "register": rates("", "3/m,finance:4/m"),
        "transfer": rates("", "10/m,finance:600/m"),
        "read": rates("", "none"),
    }


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> RateClock:
    return RateClock(monkeypatch)


def request(**environ: str) -> HttpRequest:
    return RequestFactory().get("/", **environ)  # type: ignore[arg-type] # header names


def left(limit: str, caller: Caller) -> int:
    """After one request more."""
    usage = count(request(), limit, caller)
    assert usage is not None
    return usage.remaining


def test_each_route_that_has_a_limit_of_its_own_exists() -> None:
    assert {route for _, route in LIMITS} <= set(route_names())


def route_names(patterns: Any = None) -> Iterator[str]:
    for pattern in get_resolver("ledgerlink.urls").url_patterns if patterns is None else patterns:
        if isinstance(pattern, URLPattern):
            yield pattern.name or ""
        else:
            yield from route_names(pattern.url_patterns)


@pytest.mark.parametrize(
    ("method", "route", "limit"),
    [
        ("POST", "auth-login", "login"),
        ("POST", "user-list", "register"),
        ("GET", "user-list", "read"),
        ("GET", "balance-current", "read"),
        ("HEAD", "balance-current", "read"),
        ("HEAD", "balance-statement", "statement"),
        ("OPTIONS", "transaction-transfer", "read"),
        ("PATCH", "user-detail", "write"),
        ("POST", "a route to come", "write"),
        ("POST", "transaction-transfer", "transfer"),
        ("POST", "transaction-deposit", "transfer"),
        ("POST", "transaction-reverse", "transfer"),
    ],
)
def test_every_request_has_a_limit(method: str, route: str, limit: str) -> None:
    assert limit_of(method, route) == limit


def test_movement_is_counted_by_itself_once_it_has_a_rate(settings: Settings) -> None:
    settings.RATELIMITS |= {"batch": rates("", "2/m")}
    assert limit_of("POST", "transaction-batch") == "batch"
    assert limit_of("POST", "transaction-capture") == "transfer"


@pytest.mark.usefixtures("counters")
def test_count_goes_down_to_nothing_and_starts_again(clock: RateClock) -> None:
    assert [left("login", NOBODY) for _ in range(7)] == [4, 3, 2, 1, 0, -1, -2]
    clock.advance(60)
    assert left("login", NOBODY) == 4


@pytest.mark.usefixtures("counters")
@pytest.mark.parametrize("second", range(0, 60, 7))
def test_reset_is_when_the_count_starts_again_and_not_before(second: int, clock: RateClock) -> None:
    clock.advance(second)
    usage = [count(request(), "login", NOBODY) for _ in range(6)][-1]
    assert usage is not None
    assert 1 <= usage.reset <= 60
    clock.advance(usage.reset - 1)
    assert left("login", NOBODY) < 0
    clock.advance(1)
    assert left("login", NOBODY) == 4


@pytest.mark.usefixtures("counters")
def test_users_at_one_address_have_counts_of_their_own() -> None:
    assert [left("transfer", caller) for caller in (ALICE, ALICE, BOB, NOBODY)] == [9, 8, 9, 9]


@pytest.mark.usefixtures("counters")
def test_user_has_one_count_at_all_addresses() -> None:
    assert left("transfer", ALICE) == 9
    assert left("transfer", Caller("198.51.100.66", user_id=1, role="user")) == 8


@pytest.mark.usefixtures("counters")
def test_role_has_its_own_rate() -> None:
    usage = count(request(), "transfer", FINANCE)
    assert usage is not None
    assert (usage.limit, usage.remaining) == (600, 599)


@pytest.mark.usefixtures("counters")
def test_registrations_of_new_users_are_counted_by_address() -> None:
    """Else each user could register three more, and each of those."""
    assert [left("register", caller) for caller in (NOBODY, ALICE, BOB)] == [2, 1, 0]
    assert left("register", FINANCE) == 3


@pytest.mark.usefixtures("counters")
def test_limits_are_counted_apart() -> None:
    assert (left("transfer", NOBODY), left("login", NOBODY)) == (9, 4)


@pytest.mark.usefixtures("counters")
def test_what_has_no_limit_is_not_counted(settings: Settings) -> None:
    assert count(request(), "read", ALICE) is None
    settings.RATELIMIT_ENABLE = False
    assert count(request(), "transfer", ALICE) is None


@pytest.mark.usefixtures("counters")
def test_count_is_exact_under_threads() -> None:
    found = at_once([lambda: left("transfer", ALICE)] * 25)
    assert set(found) == {9 - spent for spent in range(25)}


@pytest.mark.usefixtures("counters")
def test_account_is_counted_from_wherever_it_is_tried() -> None:
    tries = [
        count_account(request(), name, f"203.0.113.{number}")[0]
        for number, name in enumerate(["alice", "ALICE", " Alice ", "alice"])
    ]
    assert [usage and usage.remaining for usage in tries] == [2, 1, 0, -1]
    other, _ = count_account(request(), "bob", "203.0.113.1")
    assert other is not None
    assert other.remaining == 2


@pytest.mark.usefixtures("counters")
def test_nobody_elsewhere_keeps_the_owner_out() -> None:
    _, known = count_account(request(), "alice", NOBODY.address)
    remember(known)
    for _ in range(10):
        count_account(request(), "alice", ELSEWHERE.address)
    usage, _ = count_account(request(), "alice", NOBODY.address)
    assert usage is not None
    assert usage.remaining == 2
    stranger, _ = count_account(request(), "alice", "192.0.2.1")
    assert stranger is not None
    assert stranger.remaining < 0


def test_name_that_is_typed_stands_nowhere(in_redis: Any) -> None:
    _, known = count_account(request(), "alice", NOBODY.address)
    remember(known)
    assert len(in_redis.keys()) == 2
    assert not any(b"alice" in key for key in in_redis.scan_iter())


def test_counts_in_redis_are_one_round_trip_and_expire(in_redis: Any) -> None:
    left("login", NOBODY)  # the script is loaded
    before = in_redis.info("commandstats")
    left("login", NOBODY)
    after = in_redis.info("commandstats")
    (key,) = in_redis.keys()
    assert after["cmdstat_evalsha"]["calls"] - before["cmdstat_evalsha"]["calls"] == 1
    asked = {name for name in after if after[name]["calls"] != before.get(name, {}).get("calls")}
    assert asked <= {f"cmdstat_{name}" for name in ("evalsha", "incrby", "info", "keys")}
    assert 60 <= in_redis.ttl(key) <= 65
    remember("known:a:b")
    assert max(map(in_redis.ttl, in_redis.scan_iter())) > KNOWN_SECONDS - 5


@pytest.mark.parametrize(
    ("peer", "address"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("", "unknown"),
    ],
)
def test_address_is_counted_as_what_one_customer_has(peer: str, address: str) -> None:
    assert address_of(request(REMOTE_ADDR=peer)) == address


def test_forwarded_address_counts_only_from_a_trusted_proxy(settings: Settings) -> None:
    forwarded = request(REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="1.2.3.4, 203.0.113.9")
    settings.TRUSTED_PROXIES = []
    assert address_of(forwarded) == "10.0.0.1"
    settings.TRUSTED_PROXIES = ["10.0.0.0/24"]
    assert address_of(forwarded) == "203.0.113.9"


@contextmanager
def paused(server: Redis) -> Iterator[None]:
    """It accepts connections and answers none."""
    os.kill(server.pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(server.pid, signal.SIGCONT)


@contextmanager
def killed(server: Redis) -> Iterator[None]:
    """It is gone, and comes back empty."""
    server.kill()
    try:
        yield
    finally:
        server.start()


@pytest.mark.usefixtures("in_redis")
@pytest.mark.parametrize("fault", [paused, killed])
def test_redis_that_does_not_answer_limits_nobody_and_is_left_alone(
    fault: Fault, redis_server: Redis, caplog: pytest.LogCaptureFixture
) -> None:
    assert left("login", NOBODY) == 4
    started = time.monotonic()
    with fault(redis_server):
        for _ in range(50):
            assert count(request(), "login", NOBODY) is None
            assert count_account(request(), "alice", NOBODY.address)[0] is None
            remember("known:a:b")
        seconds = time.monotonic() - started
    asked = sum("Redis is not available" in message for message in caplog.messages)
    assert 1 <= asked <= 1 + seconds / REST_SECONDS
    eventually(lambda: count(request(), "login", NOBODY) is not None)
