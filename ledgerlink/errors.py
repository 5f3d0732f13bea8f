"""What can be refused, as one family of exceptions with stable codes.

Domain code raises these and knows nothing of HTTP; `ledgerlink.problems` maps them to problem
documents in one place. `code` is part of the API: it is never renamed.
"""

from typing import ClassVar


class LedgerError(Exception):
    """A refusal with a stable `code`; `detail` is a sentence for the person who asked."""

    code: ClassVar[str] = "error"
    title: ClassVar[str] = "The request was refused"
    status: ClassVar[int] = 422

    def __init__(self, detail: str = "", **extra: str | int) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.extra = extra


def title_of(code: str) -> str:
    """Of the errors with this code, in words; the code itself when none has it any more."""
    kinds = [LedgerError]
    while kinds:
        kind = kinds.pop()
        if kind.code == code:
            return kind.title
        kinds += kind.__subclasses__()
    return code


class InvalidInput(LedgerError):
    """One field holds something that can't be understood."""

    code = "invalid_request"
    title = "The request is not valid"
    status = 400


class NotFound(LedgerError):
    code = "not_found"
    title = "Not found"
    status = 404


class TryAgainLater(LedgerError):
    """The service won't answer just now; `retry_after` is in seconds."""

    def __init__(self, detail: str = "", *, retry_after: int = 1) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(TryAgainLater):
    code = "service_unavailable"
    title = "The service is not available just now"
    status = 503
