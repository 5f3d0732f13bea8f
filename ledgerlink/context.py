"""What is known of the request being served: its id, its trace and where it came from.

Kept in a context variable, so that log lines and audit rows carry the same ids as the response.
"""

from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestContext:
    """`request_id` and `trace_id` are hex or client-given text; `ip` is the client's address."""

    request_id: str = ""
    trace_id: str = ""
    ip: str | None = None


NO_REQUEST = RequestContext()
current_request: ContextVar[RequestContext] = ContextVar("current_request", default=NO_REQUEST)
