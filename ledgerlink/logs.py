"""Log lines: JSON in production, readable in development, each with the request's ids."""

import logging
import os
import time
from collections.abc import Iterable
from contextlib import suppress
from select import select
from typing import Any

import structlog
from django.core.exceptions import ImproperlyConfigured
from structlog.typing import EventDict, Processor, WrappedLogger

from ledgerlink.context import served_requests
from ledgerlink.redaction import Redactor

STDERR = 2  # its file descriptor
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
MOST_REQUESTS = 20  # whose ids stand in one line
# What `extra` may add to a line. Django's own extras hold whole requests.
EXTRA = ("method", "route", "status", "duration_ms", "user_id")


def level_of(text: str) -> str:
    """Raises ImproperlyConfigured."""
    if text.upper() not in LEVELS:
        raise ImproperlyConfigured(f"LOG_LEVEL is {text!r}; give one of {', '.join(LEVELS)}.")
    return text.upper()


def add_request_ids(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Of the request, or of the first MOST_REQUESTS of a batch and how many there are."""
    requests = served_requests()
    if len(requests) == 1:
        event["request_id"] = requests[0].request_id
        event["trace_id"] = requests[0].trace_id
    elif requests:
        told = requests[:MOST_REQUESTS]
        event["requests"] = len(requests)
        event["request_ids"] = [request.request_id for request in told]
        event["trace_ids"] = [request.trace_id for request in told]
    return event


class Seldom(logging.Filter):
    """Lets one line of each logger pass in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds
        self._next: dict[str, float] = {}  # time.monotonic()

    def filter(self, record: logging.LogRecord) -> bool:
        now = time.monotonic()
        if now < self._next.get(record.name, 0.0):
            return False
        self._next[record.name] = now + self._seconds
        return True


class LineHandler(logging.Handler):
    """Writes each line to stderr at once, and without a lock: a thread that holds one while it
    waits for the interpreter, as each does that has written, holds up all that have something to
    say. The kernel keeps together what is written at once; of a pipe, 4,096 bytes (PIPE_BUF)."""

    def handle(self, record: logging.LogRecord) -> bool:
        """As logging's, which takes the lock here."""
        passed = bool(self.filter(record))
        if passed:
            self.emit(record)
        return passed

    def emit(self, record: logging.LogRecord) -> None:
        """Never raises; a line that can't be made is told of without its values, which logging's
        `handleError` would print as they are."""
        try:
            line = self.format(record)
        except Exception as error:  # noqa: BLE001 - as every handler
            line = self._told(_unmade(record, error))
        with suppress(OSError):  # nobody reads them any more
            _write(f"{line}\n".encode(errors="backslashreplace"))

    def _told(self, failure: logging.LogRecord) -> str:
        try:
            return self.format(failure)
        except Exception:  # noqa: BLE001 - the fault is the formatter's
            return failure.getMessage()


def _unmade(record: logging.LogRecord, error: Exception) -> logging.LogRecord:
    where = f"{record.filename}:{record.lineno}"
    text = f"a line of {where} could not be made: {type(error).__name__}"
    return logging.LogRecord(
        record.name, logging.ERROR, record.pathname, record.lineno, text, None, record.exc_info
    )


def _write(line: bytes) -> None:
    while line:
        line = line[_written(line) :]


def _written(line: bytes) -> int:
    """Bytes; waits while a stderr that does not block is full."""
    try:
        return os.write(STDERR, line)
    except BlockingIOError:
        select([], [STDERR], [])
        return 0


def logging_config(*, level: str, as_json: bool, secrets: Iterable[str] = ()) -> dict[str, Any]:
    """Django's LOGGING, and gunicorn's: one format on stderr for every logger. None of `secrets`
    is ever written."""
    shared: list[Processor] = [
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.ExtraAdder(EXTRA),
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        add_request_ids,
    ]
    last: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [
            structlog.dev.ConsoleRenderer(
                colors=False,
                exception_formatter=structlog.dev.plain_traceback,  # shows no local variables
            )
        ]
    )
    stderr = {"()": LineHandler, "formatter": "line"}
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "filters": {"seldom": {"()": Seldom, "seconds": 60}},
        "formatters": {
            "line": {
                "()": structlog.stdlib.ProcessorFormatter,
                "foreign_pre_chain": shared,
                "processors": [
                    structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                    *last,
                    Redactor(secrets),  # of the finished line: in whatever field, or exception
                ],
            }
        },
        "handlers": {"stderr": stderr, "stderr_seldom": {**stderr, "filters": ["seldom"]}},
        "loggers": {
            "gunicorn.error": {"handlers": ["stderr"], "propagate": False},
            # The line of a request tells its status; below ERROR, this one adds its raw path.
            "django.request": {"level": "ERROR"},
            # A collector that is gone fails each second.
            "opentelemetry": {"handlers": ["stderr_seldom"], "propagate": False},
        },
        "root": {"handlers": ["stderr"], "level": level},
    }
