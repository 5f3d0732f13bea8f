"""A wire between Ledger Link and its database server that can be cut at the worst moment."""

import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Self


class CutOnCommit:
    """Forwards TCP to 127.0.0.1:`port`. Once armed, the connection that sends the next COMMIT is
    cut: after the server has answered it (`deliver`), or before it has seen it."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.deliver: bool | None = None
        self.cuts = 0
        threading.Thread(target=self._accept, daemon=True).start()

    def arm(self, *, deliver: bool) -> None:
        self.deliver = deliver

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            _Connection(self, client, socket.create_connection(("127.0.0.1", self._target)))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._listener.close()


class _Connection:
    def __init__(self, wire: CutOnCommit, client: socket.socket, server: socket.socket) -> None:
        self._wire = wire
        self._client = client
        self._server = server
        self._dying = False
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        with self._client, self._server:
            back = threading.Thread(target=self._to_client, daemon=True)
            back.start()
            self._to_server()
            back.join()

    def _to_server(self) -> None:
        while data := _read(self._client):
            if self._wire.deliver is not None and data[4:].upper() == b"\x03COMMIT":
                deliver, self._wire.deliver = self._wire.deliver, None
                self._wire.cuts += 1
                self._dying = True
                if not deliver:
                    break
            with suppress(OSError):
                self._server.sendall(data)
        self._cut()

    def _to_client(self) -> None:
        with suppress(OSError):
            while (data := _read(self._server)) and not self._dying:
                self._client.sendall(data)
        self._cut()

    def _cut(self) -> None:
        for end in (self._client, self._server):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


def _read(source: socket.socket) -> bytes:
    try:
        return source.recv(65536)
    except OSError:
        return b""
