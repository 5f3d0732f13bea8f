"""What is known of the request being served: its id, its trace and where it came from.

Kept in a context variable, so that log lines and audit rows carry the same ids as the response.
"""

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RequestContext:
    """`request_id` and `trace_id` are hex or client-given text; `ip` is the client's address."""

    request_id: str = ""
    trace_id: str = ""
    ip: str | None = None


def new_id(size: int) -> str:
    """Of `size` bytes, in hex: unlikely to be given twice, but no secret."""
    return f"{random.getrandbits(8 * size):0{2 * size}x}"


NO_REQUEST = RequestContext()
current_request: ContextVar[RequestContext] = ContextVar("current_request", default=NO_REQUEST)

_served_together: ContextVar[Sequence[RequestContext]] = ContextVar("_served_together", default=())


@contextmanager
def serving(requests: Iterable[RequestContext]) -> Iterator[None]:
    """What this thread does is for all of these; commands, which are no requests, are left out."""
    token = _served_together.set([request for request in requests if request.request_id])
    try:
        yield
    finally:
        _served_together.reset(token)


def served_requests() -> Sequence[RequestContext]:
    """For which requests this thread works: none, one, or those of a batch."""
    if together := _served_together.get():
        return together
    request = current_request.get()
    return [request] if request.request_id else []
