"""Traces of a real server, as a collector receives them: from the request to its statements."""

import json
import os
import secrets
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial

import pytest

from bench.servers.process import REPOSITORY, free_port
from tests.concurrency import at_once
from tests.e2e.world import PASSWORD, STANDARD, WORKERS, Account, manage, register
from tests.otlp import CLIENT, SERVER, Collector, Span, collector
from tests.servers import LedgerServer

ROUTE = "POST api/v1/transactions/transfer"
CALLER = "b7ad6b7169203331"  # the span id of whoever calls
AT_ONCE = 24
SQL = {"mysql", "sqlite"}

_AUDITED = """
from audit.models import AuditLog
print(*AuditLog.objects.filter(request_id="{}").values_list("trace_id", flat=True))
"""


@pytest.fixture(scope="module")
def collected() -> Iterator[Collector]:
    with collector() as running:
        yield running


@pytest.fixture(scope="module")
def server(env: Mapping[str, str], collected: Collector) -> Iterator[LedgerServer]:
    """Traces nothing but what it is asked to by a `traceparent`."""
    with LedgerServer(traced(env, collected.url, "0")) as running:
        yield running


def traced(env: Mapping[str, str], endpoint: str, ratio: str) -> dict[str, str]:
    return {
        **env,
        "TRACING_ENABLED": "true",
        "TRACING_SAMPLE_RATIO": ratio,
        "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
        "NO_PROXY": "127.0.0.1",
    }


def transfer(
    alice: Account, bob: Account, trace: str, *, sampled: bool = True
) -> Mapping[str, str]:
    """The headers of the answer."""
    answer = alice.http.post(
        "transactions/transfer",
        json={"to_user_id": bob.id, "amount": "1.37", "description": "for the dentist"},
        headers={"traceparent": f"00-{trace}-{CALLER}-0{int(sampled)}"},
    )
    assert answer.status_code == 201, answer.text
    return answer.headers


def request_of(collected: Collector, trace: str) -> Span:
    return collected.wait_for(lambda s: s.trace_id == trace and s.kind == SERVER)


def batch_of(collected: Collector, request: Span) -> Span:
    return collected.wait_for(lambda span: request.ids in span.links)


def test_a_transfer_is_traced_from_the_request_to_its_statements(
    server: LedgerServer, collected: Collector, env: Mapping[str, str]
) -> None:
    alice, bob = register(server, "100.00"), register(server)
    trace = secrets.token_hex(16)
    headers = transfer(alice, bob, trace)

    request = request_of(collected, trace)
    assert request.name == ROUTE
    assert request.parent_id == CALLER
    assert request.attributes["http.route"] == "api/v1/transactions/transfer"
    assert request.attributes["http.response.status_code"] == 201
    assert request.service["service.name"] == "ledgerlink"

    assert headers["X-Trace-ID"] == trace
    assert headers["traceparent"] == f"00-{trace}-{request.span_id}-01"
    request_id = headers["X-Request-ID"]
    assert request.attributes["ledger.request_id"] == request_id
    audited = manage(env, "shell", "--no-imports", "-c", _AUDITED.format(request_id))
    assert set(audited.stdout.split()) == {trace}, audited.stderr

    batch = batch_of(collected, request)
    assert batch.name == "post batch"
    assert (batch.parent_id, set(batch.links)) == ("", {request.ids})
    assert batch.attributes == {
        "ledger.batch_requests": 1,
        "ledger.batch_orders": 1,
        "ledger.batch_retries": 0,
    }
    (waiting,) = [span for span in collected.of_trace(trace) if span.name == "wait for posting"]
    assert waiting.parent_id == request.span_id
    assert waiting.links == {batch.ids}

    below = collected.of_trace(batch.trace_id)
    statements = [s for s in below if s.parent_id == batch.span_id and s.system in SQL]
    assert {"SELECT", "INSERT", "UPDATE", "COMMIT"} <= {span.name for span in statements}
    assert {s.kind for s in statements} == {CLIENT}
    redis = [s for s in collected.spans() if s.system == "redis"]
    assert bool(redis) == STANDARD
    if STANDARD:
        assert {s.trace_id for s in redis} <= {trace, batch.trace_id}
    assert_tells_of_nobody(collected, alice, bob)


def assert_tells_of_nobody(collected: Collector, *people: Account) -> None:
    """Neither parameters of statements nor anything else that a caller sent."""
    sent = b"".join(collected.bodies)
    assert ROUTE.encode() in sent
    for account in people:
        for word in (account.username, account.token, PASSWORD, "1.37", "dentist", "httpx"):
            assert word.encode() not in sent


def test_requests_posted_together_are_linked_to_their_batch(
    server: LedgerServer, collected: Collector
) -> None:
    alice, bob = register(server, "100.00"), register(server)
    traces = [secrets.token_hex(16) for _ in range(AT_ONCE)]
    callers = [alice.at(server) for _ in traces]
    at_once([partial(transfer, a, bob, t) for a, t in zip(callers, traces, strict=True)])

    requests = [request_of(collected, trace) for trace in traces]
    batches = [batch_of(collected, request) for request in requests]
    served = Counter(batch.ids for batch in batches)
    assert max(served.values()) > 1
    for batch in batches:
        assert len(batch.links) == served[batch.ids] == batch.attributes["ledger.batch_requests"]


def test_a_request_that_is_not_sampled_sends_nothing(
    server: LedgerServer, collected: Collector
) -> None:
    alice, bob = register(server, "100.00"), register(server)
    unsampled, sampled = secrets.token_hex(16), secrets.token_hex(16)
    before = {span.ids for span in collected.spans()}
    headers = transfer(alice, bob, unsampled, sampled=False)
    assert headers["X-Trace-ID"] == unsampled
    assert headers["traceparent"].startswith(f"00-{unsampled}-")
    assert headers["traceparent"].endswith("-00")
    alice.deposit("1.00")  # and those without a traceparent, of which a share of 0 is traced
    transfer(alice, bob, sampled)  # over the same connection, so by the same process
    request_of(collected, sampled)
    batches = {link for span in collected.of_trace(sampled) for link in span.links}
    new = {span.trace_id for span in collected.spans() if span.ids not in before}
    assert new <= {sampled} | {trace for trace, _ in batches}


@pytest.mark.parametrize("why", ["nobody listens", "it never answers"])
def test_a_collector_that_is_gone_costs_nothing(env: Mapping[str, str], why: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections, says nothing
        port = free_port() if why == "nobody listens" else silent.getsockname()[1]
        server = LedgerServer(traced(env, f"http://127.0.0.1:{port}", "1"))
        try:
            server.start()
            alice, bob = register(server, "100.00"), register(server)
            slowest = 0.0
            until = time.monotonic() + 3  # several exports fail in it
            while time.monotonic() < until:
                started = time.monotonic()
                assert alice.transfer(bob, "0.01").status_code == 201
                slowest = max(slowest, time.monotonic() - started)
            assert slowest < 2, "an export takes 2 s; no request waits for one"
            lines = [line for line in server.output().splitlines() if "opentelemetry" in line]
            assert 1 <= len(lines) <= 2 * WORKERS, server.output()
            alice.http.close()
            stopping = time.monotonic()
        finally:
            server.stop()
        assert time.monotonic() - stopping < 25  # seconds: after 30 it would be killed


def test_off_imports_nothing_of_opentelemetry(env: Mapping[str, str]) -> None:
    script = """
import json, sys
import ledgerlink.wsgi
from django.conf import settings
from django.db import connection
connection.ensure_connection()
print(json.dumps([
    [name for name in sys.modules if name.startswith(("opentelemetry", "wrapt", "google"))],
    [name for name in settings.MIDDLEWARE if "opentelemetry" in name],
    type(connection.connection).__module__,
]))
"""
    finished = subprocess.run(
        [sys.executable, "-c", script],
        cwd=REPOSITORY,
        env={**os.environ, **env, "TRACING_ENABLED": "false"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout) == [
        [],
        [],
        "MySQLdb.connections" if STANDARD else "sqlite3",
    ]
