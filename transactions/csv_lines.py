"""Reading a CSV file line by line: in constant memory, and so that a bad line spoils no other.

One line is one row: a quoted field can't hold a line break. So a lost quote is found on its own
line, and a line's number is the one that editors show.
"""

import csv
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from ledgerlink.errors import LedgerError

MAX_LINE_BYTES = 64 * 1024
_BOM = b"\xef\xbb\xbf"


class ImportRefused(LedgerError):
    """The file can't be imported; nothing of it was posted just now."""

    code = "import_refused"
    title = "The file can't be imported"


@dataclass(frozen=True, slots=True)
class Line:
    """`fields` of line `number` (the first is 1); `problem` says why it can't be read, else "".

    `end` is where it ends, in bytes from the beginning of the file.
    """

    number: int
    end: int
    fields: list[str]
    problem: str = ""


@contextmanager
def open_csv(path: str) -> Iterator[tuple[BinaryIO, int]]:
    """The open file and its size in bytes. Raises ImportRefused for what is no readable file."""
    try:
        found = Path(path).stat()  # first: a named pipe without a writer would be waited for
        if not stat.S_ISREG(found.st_mode):
            raise ImportRefused(f"{path} is not a regular file.")
        if found.st_size == 0:
            raise ImportRefused(f"{path} is empty.")
        file = Path(path).open("rb")  # noqa: SIM115 - closed below; only its opening is tried
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ImportRefused(f"{path} can't be read: {reason}.") from error
    with file:
        yield file, found.st_size


def read_lines(file: BinaryIO) -> Iterator[Line]:
    """The lines from the beginning of `file`, without those that are blank."""
    file.seek(0)
    end = number = 0
    while raw := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        end += len(raw)
        if len(raw) > MAX_LINE_BYTES and not raw.endswith(b"\n"):
            end += _skip_rest_of_line(file)
            yield Line(number, end, [], f"it is longer than {MAX_LINE_BYTES} bytes")
            continue
        if number == 1:
            raw = raw.removeprefix(_BOM)
        if raw.strip():
            yield _parse(raw, number, end)


def _skip_rest_of_line(file: BinaryIO) -> int:
    skipped = 0
    while part := file.readline(MAX_LINE_BYTES):
        skipped += len(part)
        if part.endswith(b"\n"):
            break
    return skipped


def _parse(raw: bytes, number: int, end: int) -> Line:
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        return Line(number, end, [], "it is not UTF-8 text")
    if "\0" in text:
        return Line(number, end, [], "it holds a NUL character")
    try:
        return Line(number, end, next(csv.reader([text], strict=True)))
    except csv.Error:
        return Line(number, end, [], "its quotes are not closed or stand in the wrong place")
