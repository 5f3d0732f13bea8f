"""A collector: takes real OTLP over HTTP and keeps the spans that it was sent."""

import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (
    ExportTraceServiceRequest,
    ExportTraceServiceResponse,
)
from opentelemetry.proto.common.v1.common_pb2 import KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span as Sent

from tests.concurrency import eventually

SERVER = Sent.SPAN_KIND_SERVER
CLIENT = Sent.SPAN_KIND_CLIENT


@dataclass(frozen=True)
class Span:
    """One that arrived; ids are hex. `links` are (trace id, span id), `service` the resource's."""

    name: str
    kind: int
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, object]
    links: frozenset[tuple[str, str]]
    service: dict[str, object]

    @property
    def ids(self) -> tuple[str, str]:
        return self.trace_id, self.span_id

    @property
    def system(self) -> object:
        return self.attributes.get("db.system.name", self.attributes.get("db.system"))


class Collector:
    """Answers 200 to what it can read, 400 to what it can't."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.bodies: list[bytes] = []
        self._lock = threading.Lock()
        self._spans: list[Span] = []

    def take(self, body: bytes) -> None:
        spans = list(_spans_of(ExportTraceServiceRequest.FromString(body)))
        with self._lock:
            self.bodies.append(body)
            self._spans += spans

    def spans(self) -> list[Span]:
        with self._lock:
            return list(self._spans)

    def of_trace(self, trace_id: str) -> list[Span]:
        return [span for span in self.spans() if span.trace_id == trace_id]

    def wait_for(self, wanted: Callable[[Span], bool]) -> Span:
        """The first that is wanted; with it, all that ended before it in its process."""
        eventually(lambda: any(map(wanted, self.spans())))
        return next(filter(wanted, self.spans()))


def _spans_of(request: ExportTraceServiceRequest) -> Iterator[Span]:
    for resource in request.resource_spans:
        service = _values(resource.resource.attributes)
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield Span(
                    name=span.name,
                    kind=span.kind,
                    trace_id=span.trace_id.hex(),
                    span_id=span.span_id.hex(),
                    parent_id=span.parent_span_id.hex(),
                    attributes=_values(span.attributes),
                    links=frozenset((li.trace_id.hex(), li.span_id.hex()) for li in span.links),
                    service=service,
                )


def _values(attributes: Iterable[KeyValue]) -> dict[str, object]:
    return {a.key: getattr(a.value, a.value.WhichOneof("value") or "") for a in attributes}


@contextmanager
def collector() -> Iterator[Collector]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            assert self.path == "/v1/traces"
            made.take(body)
            answer = ExportTraceServiceResponse().SerializeToString()
            self.send_response(200)
            self.send_header("Content-Type", "application/x-protobuf")
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    made = Collector(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
