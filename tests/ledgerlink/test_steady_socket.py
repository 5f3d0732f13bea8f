"""What a client is answered and does not take at once."""

import socket
import threading
from collections.abc import Iterator
from functools import partial

import pytest

from ledgerlink import steady_socket
from ledgerlink.steady_socket import CHUNK, KEPT, SteadySocket
from tests.concurrency import PATIENCE, in_background


@pytest.fixture
def ends() -> Iterator[tuple[SteadySocket, socket.socket]]:
    """The server's and the client's."""
    accepted, client = socket.socketpair()
    client.settimeout(PATIENCE)
    with SteadySocket.of(accepted, threading.Semaphore(1)) as server, client:
        yield server, client


def test_parts_go_together_once_pushed(ends: tuple[SteadySocket, socket.socket]) -> None:
    server, client = ends
    server.sendall(b"head, ")
    server.sendall(b"body")
    client.setblocking(False)
    with pytest.raises(BlockingIOError):
        client.recv(100)
    assert server.push()
    assert client.recv(100) == b"head, body"
    assert server.push()  # nothing


def test_what_is_long_is_sent_at_once_and_the_rest_kept(
    ends: tuple[SteadySocket, socket.socket],
) -> None:
    server, client = ends
    sent = bytes(range(256)) * (KEPT // 256)
    server.sendall(sent)
    assert 0 < len(server.unsent) < KEPT
    assert not server.push()
    with in_background() as start:
        received = start(partial(read_all, client))
        while not server.push():
            pass
        server.shutdown(socket.SHUT_WR)
        assert received.result() == sent


def read_all(client: socket.socket) -> bytes:
    return b"".join(iter(partial(client.recv, CHUNK), b""))


def test_more_than_is_kept_waits_for_the_client(ends: tuple[SteadySocket, socket.socket]) -> None:
    server, client = ends
    sent = b"0123456789abcdef" * (KEPT // 4)
    with in_background() as start:
        received = start(partial(read_all, client))
        server.sendall(sent)
        assert len(server.unsent) <= KEPT
        while not server.push():
            pass
        server.shutdown(socket.SHUT_WR)
        assert received.result() == sent


def test_client_that_takes_nothing_more_is_given_up(
    ends: tuple[SteadySocket, socket.socket], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, _ = ends
    monkeypatch.setattr(steady_socket, "PATIENCE_SECONDS", 0.05)
    with pytest.raises(BrokenPipeError, match="too slowly"):
        server.sendall(bytes(2 * KEPT))
    assert not server.unsent  # an answer whose end can't come is not sent on


def test_permission_to_go_on_waits_for_nobody(ends: tuple[SteadySocket, socket.socket]) -> None:
    """Gunicorn sends it so, on a connection whose client may take nothing."""
    server, _ = ends
    server.sendall(bytes(KEPT))
    assert not server.push()
    server.unsent.clear()
    assert server.send(b"HTTP/1.1 100 Continue") == 21
    assert server.unsent == b"HTTP/1.1 100 Continue"


def test_what_is_kept_is_sent_before_the_end(ends: tuple[SteadySocket, socket.socket]) -> None:
    server, client = ends
    server.sendall(b"whole")
    server.shutdown(socket.SHUT_WR)
    assert read_all(client) == b"whole"
