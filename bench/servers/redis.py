"""Redis, empty at each start."""

import secrets
import socket

from bench.servers import packages
from bench.servers.packages import program
from bench.servers.process import Server


class Redis(Server):
    """Redis with a password and without persistence."""

    def __init__(self) -> None:
        super().__init__()
        self.password = secrets.token_urlsafe(18)

    @property
    def env(self) -> dict[str, str]:
        """Settings that point Ledger Link at this server."""
        return {
            "REDIS_HOST": "127.0.0.1",
            "REDIS_PORT": str(self.port),
            "REDIS_PASSWORD": self.password,
            "REDIS_DB": "0",
        }

    def start(self) -> None:
        """Start empty; the password is in a file, so that no process list shows it."""
        packages.REDIS.ensure()
        self.make_directory()
        config = self.directory / "redis.conf"
        config.write_text(
            f"bind 127.0.0.1\nport {self.port}\nrequirepass {self.password}\n"
            f"dir {self.directory}\nsave ''\nappendonly no\n"
        )
        self.launch([program("redis-server"), str(config)], self.answers)

    def answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=1) as connection:
                connection.sendall(f"AUTH {self.password}\r\nPING\r\n".encode())
                with connection.makefile("rb") as replies:
                    return [replies.readline() for _ in range(2)] == [b"+OK\r\n", b"+PONG\r\n"]
        except OSError:
            return False
