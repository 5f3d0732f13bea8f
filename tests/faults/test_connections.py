"""Clients that behave badly at the level of the connection."""

import json
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from struct import pack

from tests.e2e.world import Account, register
from tests.servers import LedgerServer

PATIENCE = 10.0  # seconds


@contextmanager
def connected(server: LedgerServer) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE) as connection:
        yield connection


def request(path: str, body: bytes, *headers: str) -> bytes:
    lines = [
        f"POST /api/v1/{path} HTTP/1.1",
        "Host: 127.0.0.1",
        "Content-Type: application/json",
        *headers,
    ]
    return "\r\n".join([*lines, "", ""]).encode() + body


def payment(payer: Account, to: Account, key: str) -> bytes:
    body = json.dumps({"to_user_id": to.id, "amount": "1.00"}).encode()
    return request(
        "transactions/transfer",
        body,
        f"Authorization: Bearer {payer.token}",
        f"Content-Length: {len(body)}",
        f"Idempotency-Key: {key}",
    )


def answer_on(connection: socket.socket) -> tuple[int, str]:
    """The status and the whole text of the next answer, a JSON object."""
    received = b""
    while not received.endswith((b"}", b"}\r\n0\r\n\r\n")) and (chunk := connection.recv(65536)):
        received += chunk
    return int(received.split(b" ", 2)[1]), received.decode()


def moments_of(whole: bytes, dice: Random) -> list[int]:
    """After how many bytes a client hangs up: within each part, at the end of each, anywhere."""
    body = whole.index(b"\r\n\r\n") + 4
    ends = [1, whole.index(b" ") + 1, whole.index(b"\r\n") + 2, body - 2, body, body + 1]
    return [*ends, len(whole) - 1, *dice.sample(range(len(whole)), 40), *[len(whole)] * 40]


def test_client_that_hangs_up_at_any_byte_half_moves_nothing(
    server: LedgerServer, dice: Random
) -> None:
    """Some with a reset; of those that sent all, some in the middle of the answer."""
    alice, bob = register(server, "1000.00"), register(server)
    moments = moments_of(payment(alice, bob, uuid.uuid4().hex), dice)
    keys = [uuid.uuid4().hex for _ in moments]
    for key, moment in zip(keys, moments, strict=True):
        whole = payment(alice, bob, key)
        with connected(server) as connection:
            connection.sendall(whole[:moment])
            if moment == len(whole) and dice.random() < 0.3:
                connection.recv(dice.randrange(1, 200))
            if dice.random() < 0.5:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, pack("ii", 1, 0))
    again = [alice.transfer(bob, "1.00", key) for key in keys]
    assert {response.status_code for response in again} == {201}
    assert bob.amount() == f"{len(keys)}.00"
    assert alice.amount() == f"{1000 - len(keys)}.00"
    assert len(bob.transaction_ids()) == len(keys)


def test_body_of_30_mb_is_refused_before_it_is_sent(server: LedgerServer) -> None:
    announced = request("auth/login", b'{"username":"', "Content-Length: 30000000")
    with connected(server) as connection:
        connection.sendall(announced)
        status, text = answer_on(connection)
    assert status == 413
    assert '"code":"body_too_large"' in text


def test_head_that_does_not_end_is_refused(server: LedgerServer) -> None:
    with connected(server) as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nX-Filler: " + b"x" * 70_000)
        assert connection.recv(65536).startswith(b"HTTP/1.1 431 Request Header Fields Too Large")


def test_body_in_chunks_is_refused(server: LedgerServer) -> None:
    alice = register(server, "1.00")
    chunked = request(
        "transactions/withdraw",
        b'10\r\n{"amount":"1.00"}\r\n0\r\n\r\n',
        f"Authorization: Bearer {alice.token}",
        "Transfer-Encoding: chunked",
        "Connection: close",
    )
    with connected(server) as connection:
        connection.sendall(chunked)
        status, text = answer_on(connection)
    assert status == 411
    assert '"code":"length_required"' in text
    assert alice.amount() == "1.00"


def test_clients_that_never_finish_their_request_hold_up_nobody(server: LedgerServer) -> None:
    alice, bob = register(server, "10.00"), register(server)
    slow = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(10)]
    try:
        for connection in slow:
            connection.sendall(payment(alice, bob, uuid.uuid4().hex)[:40])
        assert alice.transfer(bob, "1.00").status_code == 201
    finally:
        for connection in slow:
            connection.close()
    assert alice.amount() == "9.00"
