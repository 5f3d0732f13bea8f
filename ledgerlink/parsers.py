"""Strict JSON: what a payments API must not guess about is refused."""

import json
from collections.abc import Mapping
from typing import IO, Any

from rest_framework.exceptions import ParseError
from rest_framework.parsers import BaseParser

MAX_DEPTH = 20


class NumberText(str):
    """A JSON number as it was written, never having been a float."""

    __slots__ = ()


class StrictJSONParser(BaseParser):
    """Parses one JSON value in UTF-8.

    Numbers with a point or an exponent stay text (`NumberText`), as do integers of more than 18
    digits. Refused: NaN and Infinity, duplicate names, NUL characters, lone surrogates, and more
    than 20 levels of nesting.
    """

    media_type = "application/json"

    def parse(
        self,
        stream: IO[Any],
        media_type: str | None = None,
        parser_context: Mapping[str, Any] | None = None,
    ) -> Any:
        try:
            text = stream.read().decode()
            value = json.loads(
                text,
                parse_float=NumberText,
                parse_int=_integer,
                parse_constant=_refuse_constant,
                object_pairs_hook=_unique_names,
            )
        except (ValueError, RecursionError) as error:
            raise ParseError(f"The body is not valid JSON: {_reason(error)}.") from error
        if "\\u" in text or "\x00" in text or text.count("[") + text.count("{") > MAX_DEPTH:
            _check(value, MAX_DEPTH)
        return value


def _reason(error: Exception) -> str:
    match error:
        case RecursionError():
            return "nested too deeply"
        case UnicodeDecodeError():
            return "not UTF-8"
        case json.JSONDecodeError():
            return f"line {error.lineno}, column {error.colno}"
        case _:
            return str(error)


def _integer(text: str) -> int | NumberText:
    return int(text) if len(text) <= 18 else NumberText(text)


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a number in JSON")


def _unique_names(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise ValueError("a name stands twice in one object")
    return members


def _check(value: Any, depth: int) -> None:
    if depth == 0 and isinstance(value, (dict, list)):
        raise ParseError("The body is not valid JSON: nested too deeply.")
    if isinstance(value, str):
        if "\x00" in value or any("\ud800" <= char <= "\udfff" for char in value):
            raise ParseError("Text may not hold NUL characters or lone surrogates.")
    elif isinstance(value, dict):
        for name, inner in value.items():
            _check(name, depth)
            _check(inner, depth - 1)
    elif isinstance(value, list):
        for inner in value:
            _check(inner, depth - 1)
