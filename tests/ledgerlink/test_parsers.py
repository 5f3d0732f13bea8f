"""Strict JSON: what is taken as it stands, and what is refused before anybody guesses."""

import time
from contextlib import suppress
from io import BytesIO
from typing import Any

import pytest
from rest_framework.exceptions import ParseError

from ledgerlink.parsers import MAX_DEPTH, NumberText, StrictJSONParser


def parse(body: bytes | str) -> Any:
    return StrictJSONParser().parse(BytesIO(body.encode() if isinstance(body, str) else body))


def nested(depth: int) -> str:
    return "[" * depth + "]" * depth


@pytest.mark.parametrize(
    ("body", "value"),
    [
        ('{"a": 1, "b": [true, null, "x"]}', {"a": 1, "b": [True, None, "x"]}),
        ('{"amount": "100.50"}', {"amount": "100.50"}),
        ("123456789012345678", 123456789012345678),
        ('"\\u00e4\\ud83d\\udc16"', "ä🐖"),
        ('"ä🐖"', "ä🐖"),
        ('{"a": {"a": 1}}', {"a": {"a": 1}}),
        (nested(MAX_DEPTH), eval(nested(MAX_DEPTH))),  # noqa: S307 - brackets
    ],
)
def test_valid_json_is_taken_as_it_stands(body: str, value: Any) -> None:
    assert parse(body) == value


@pytest.mark.parametrize(
    "text",
    ["100.50", "0.1", "1e3", "1E-2", "-0.0", "1e5000000", "1234567890123456789", "9" * 10_000],
)
def test_number_is_kept_as_it_was_written(text: str) -> None:
    value = parse(f'{{"amount": {text}}}')["amount"]
    assert isinstance(value, NumberText)
    assert value == text


@pytest.mark.parametrize(
    "body",
    [
        *(
            "",
            " ",
            "{",
            "}",
            "[1,]",
            '{"a":1,}',
            "{'a': 1}",
            "{a: 1}",
            "nul",
            "01",
            "1.",
            "+1",
            "0x1",
        ),
        *("NaN", "Infinity", "-Infinity", '{"amount": NaN}', '["Infinity", Infinity]'),
        *('{"a": 1, "a": 2}', '{"x": {"b": 1, "b": 1}}', '{"a": 1, "\\u0061": 2}'),
        *('"\x00"', '"\\u0000"', '{"\\u0000": 1}', '["a", {"b": "c\\u0000"}]', '"\n"', '"\x1f"'),
        *('"\\ud800"', '"\\udc00x"', '{"\\ud800": 1}', '"\\ud83dx\\udc16"'),
        *('"\\x"', '"\\u12"', '"a', "\ufeff{}", "{} {}", "// x\n{}"),
        *(nested(MAX_DEPTH + 1), nested(500_000), "[" * 500_000, '{"a":' * 100_000),
    ],
)
def test_anything_else_is_refused(body: str) -> None:
    with pytest.raises(ParseError):
        parse(body)


@pytest.mark.parametrize(
    "body",
    [b"\xff", b'"\xc3\x28"', b'"\xed\xa0\x80"', '"ä"'.encode("latin-1"), "{}".encode("utf-16")],
)
def test_bytes_that_are_not_utf_8_are_refused(body: bytes) -> None:
    with pytest.raises(ParseError, match="not UTF-8"):
        parse(body)


def test_refusal_tells_where_but_not_what() -> None:
    with pytest.raises(ParseError) as refusal:
        parse('{"password": "hunter2", "x": }')
    assert "line 1, column 30" in str(refusal.value.detail)
    assert "hunter2" not in str(refusal.value.detail)


@pytest.mark.parametrize(
    "body",
    ["9" * 1_000_000, "1e" + "9" * 1_000_000, "[" * 1_000_000, '["' + "\\u0061" * 150_000 + '"]'],
)
def test_monstrous_body_costs_next_to_nothing(body: str) -> None:
    started = time.thread_time()
    with suppress(ParseError):
        parse(body)
    assert time.thread_time() - started < 5  # seconds of CPU: a tenth of one; minutes, if quadratic
