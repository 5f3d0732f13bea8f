"""Clients that behave badly at the level of the connection."""

import json
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

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


def test_client_that_hangs_up_half_moves_nothing(server: LedgerServer) -> None:
    alice, bob = register(server, "100.00"), register(server)
    keys = [uuid.uuid4().hex for _ in range(30)]
    for number, key in enumerate(keys):
        whole = payment(alice, bob, key)
        with connected(server) as connection:
            # Some hang up in the middle of the request, most as soon as it is sent.
            connection.sendall(whole if number % 5 else whole[:-10])
    again = [alice.transfer(bob, "1.00", key) for key in keys]
    assert {response.status_code for response in again} == {201}
    assert (alice.amount(), bob.amount()) == ("70.00", "30.00")
    assert len(bob.transaction_ids()) == 30


def test_body_of_30_mb_is_refused_before_it_is_sent(server: LedgerServer) -> None:
    announced = request("auth/login", b'{"username":"', "Content-Length: 30000000")
    with connected(server) as connection:
        connection.sendall(announced)
        status, text = answer_on(connection)
    assert status == 413
    assert '"code":"body_too_large"' in text


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
