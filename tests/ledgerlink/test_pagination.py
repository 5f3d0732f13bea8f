"""Cursors and page sizes, without a request's journey around them."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rest_framework.request import Request
from rest_framework.test import APIRequestFactory

from ledgerlink.pagination import (
    DEFAULT_PAGE_SIZE,
    Cursor,
    InvalidCursor,
    InvalidPageSize,
    page_size,
)


def asked(query: str) -> Request:
    return Request(APIRequestFactory().get(f"/?{query}"))


@given(st.text(max_size=60), st.booleans())
def test_cursor_survives_the_way_out_and_in(key: str, backwards: bool) -> None:  # noqa: FBT001 - drawn
    cursor = Cursor(key, backwards)
    text = cursor.encode()
    assert Cursor.decode(text) == cursor
    assert text.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize(
    "text",
    [
        *("", "x", "====", "!", "ä", "a" * 5, "KzE=x", "+1", " KzE"),
        base64.b64encode(b"\xff").decode(),
    ],
)
def test_text_that_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(InvalidCursor):
        Cursor.decode(text)


def test_cursor_without_a_direction_is_refused() -> None:
    with pytest.raises(InvalidCursor):
        Cursor.decode(base64.urlsafe_b64encode(b"123").decode().rstrip("="))


@pytest.mark.parametrize(("text", "size"), [("1", 1), ("50", 50), ("200", 200)])
def test_page_size_in_range_is_taken(text: str, size: int) -> None:
    assert page_size(asked(f"page_size={text}")) == size


def test_page_size_has_a_default() -> None:
    assert page_size(asked("")) == DEFAULT_PAGE_SIZE


@pytest.mark.parametrize(
    "text",
    [
        "",
        "0",
        "201",
        "-1",
        "1.5",
        "1e2",
        "x",
        "%2B1",
        "%201",
        "1%20",
        "%D9%A1",
        "000000001999",
        "9" * 5_000,
    ],
)
def test_page_size_out_of_range_is_refused(text: str) -> None:
    with pytest.raises(InvalidPageSize):
        page_size(asked(f"page_size={text}"))
