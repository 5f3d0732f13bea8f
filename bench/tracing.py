"""What do traces cost? Run `python -m bench.tracing`.

Starts the real server three times on the same database: without tracing, tracing 5% of the
requests, and all of them, to a collector that takes what comes.
"""

import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from bench.race import main, processor_added, race, show, throughput_lost

ROUNDS = 60


def measure(rounds: int) -> int:
    with collector() as endpoint:
        on = {"TRACING_ENABLED": "true", "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint}
        servers = {
            "no tracing": {"TRACING_ENABLED": "false"},
            "5% traced": {**on, "TRACING_SAMPLE_RATIO": "0.05"},
            "all traced": {**on, "TRACING_SAMPLE_RATIO": "1"},
        }
        without, *traced = race(rounds, servers)
    show([without, *traced])
    for contender in traced:
        lost, added = throughput_lost(without, contender), processor_added(without, contender)
        print(f"{contender.name:<16} {lost} of throughput lost   {added} more processor time")
    return 0


@contextmanager
def collector() -> Iterator[str]:
    """Reads what it is sent, and no more: decoding it would slow down the callers beside it."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


if __name__ == "__main__":
    sys.exit(main("bench.tracing", measure, rounds=ROUNDS))
