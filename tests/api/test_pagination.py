"""Keyset pages of the two lists: transactions (merged from several streams) and history."""

import base64
from typing import Any

import pytest

from tests.api.client import HISTORY, TRANSACTIONS, Api, assert_problem, body_of
from tests.books import deposit, fund, post_one, transfer
from transactions.models import Transaction
from users.models import User

both_lists = pytest.mark.parametrize("path", [TRANSACTIONS, HISTORY])


@pytest.fixture
def busy(alice: User, bob: User) -> None:
    """23 movements of Alice: in, out and in two currencies, interleaved."""
    fund(alice, "1000.00")
    fund(bob, "1000.00")
    for number in range(11):
        post_one(transfer(alice, bob, "1.00") if number % 3 else transfer(bob, alice, "1.00"))
        post_one(deposit(alice, "7", "JPY" if number % 2 else "USD"))


def follow(api: Api, page: dict[str, Any], direction: str) -> dict[str, Any]:
    response = api.get(page[direction])
    assert response.status_code == 200, response.content
    body: dict[str, Any] = body_of(response)
    return body


def ids(page: dict[str, Any]) -> list[Any]:
    return [row["id"] for row in page["results"]]


def first_page(api: Api, path: str, **query: Any) -> dict[str, Any]:
    body: dict[str, Any] = body_of(api.get(path, **query))
    return body


@both_lists
def test_pages_forwards_show_every_row_once(path: str, busy: None, as_alice: Api) -> None:
    everything = ids(first_page(as_alice, path, page_size=200))
    assert len(everything) == 23
    page = first_page(as_alice, path, page_size=5)
    assert page["previous"] is None
    pages = [ids(page)]
    while page["next"]:
        page = follow(as_alice, page, "next")
        assert page["previous"] is not None
        pages.append(ids(page))
    assert [len(rows) for rows in pages] == [5, 5, 5, 5, 3]
    assert [row for rows in pages for row in rows] == everything


@both_lists
def test_pages_backwards_are_those_that_were_seen(path: str, busy: None, as_alice: Api) -> None:
    page = first_page(as_alice, path, page_size=5)
    forwards = [ids(page)]
    while page["next"]:
        page = follow(as_alice, page, "next")
        forwards.append(ids(page))
    backwards = [ids(page)]
    while page["previous"]:
        page = follow(as_alice, page, "previous")
        assert page["next"] is not None
        backwards.append(ids(page))
    assert backwards == forwards[::-1]


@both_lists
def test_rows_that_arrive_neither_shift_nor_repeat_a_page(
    path: str, busy: None, alice: User, bob: User, as_alice: Api
) -> None:
    everything = ids(first_page(as_alice, path, page_size=200))
    page = first_page(as_alice, path, page_size=4)
    seen = ids(page)
    while page["next"]:
        post_one(transfer(alice, bob, "1.00"))
        fund(alice, "1", "EUR")  # even in a currency that is new to the list
        page = follow(as_alice, page, "next")
        seen += ids(page)
    assert seen == everything
    while page["previous"]:
        page = follow(as_alice, page, "previous")
    newest = first_page(as_alice, path, page_size=200)
    assert len(ids(newest)) == 23 + 2 * 5
    assert ids(page) == ids(newest)[: len(ids(page))]


@both_lists
def test_page_of_exactly_the_rest_is_the_last(path: str, busy: None, as_alice: Api) -> None:
    page = first_page(as_alice, path, page_size=23)
    assert (len(ids(page)), page["next"], page["previous"]) == (23, None, None)


def test_links_keep_the_filters(busy: None, as_alice: Api) -> None:
    page = first_page(as_alice, TRANSACTIONS, page_size=2, type="deposit", currency="JPY")
    shown = page["results"]
    while page["next"]:
        page = follow(as_alice, page, "next")
        shown += page["results"]
    assert len(shown) == 5
    assert {(row["type"], row["currency"]) for row in shown} == {("deposit", "JPY")}


def test_pages_of_staff_show_every_transaction_once(busy: None, as_auditor: Api) -> None:
    page = first_page(as_auditor, TRANSACTIONS, page_size=10)
    seen = ids(page)
    while page["next"]:
        page = follow(as_auditor, page, "next")
        seen += ids(page)
    newest_first = Transaction.objects.order_by("-pk").values_list("pk", flat=True)
    assert seen == [str(pk) for pk in newest_first]


def test_cursor_of_one_user_shows_another_only_their_own(
    busy: None, charlie: User, as_alice: Api, as_charlie: Api
) -> None:
    fund(charlie, "1.00")
    theirs = follow(as_charlie, first_page(as_alice, TRANSACTIONS, page_size=5), "next")
    assert ids(theirs) == []


def encoded(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


@both_lists
@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "x",
        "!!!!",
        "AAAA",
        "é",
        encoded(""),
        encoded("+"),
        encoded("17"),
        encoded("+not-a-key"),
        encoded("+1 OR 1=1"),
        encoded("+-1.5"),
        encoded("+1e9"),
        encoded("+USD"),
        encoded("+USD:"),
        encoded("+USD:-1"),
        encoded("+USD:1,"),
        encoded("+USD:" + "9" * 19),
        encoded("+\x00"),
        "A" * 5000,
    ],
    ids=lambda text: repr(text)[:20],
)
def test_invalid_cursor_is_refused(path: str, cursor: str, alice: User, as_alice: Api) -> None:
    fund(alice, "1.00")
    assert_problem(as_alice.get(path, cursor=cursor), 400, "invalid_cursor")


def test_cursor_beyond_every_key_starts_at_the_newest(alice: User, as_alice: Api) -> None:
    fund(alice, "1.00")
    page = first_page(as_alice, HISTORY, cursor=encoded("+USD:" + "9" * 18))
    assert len(ids(page)) == 1


@both_lists
@pytest.mark.parametrize(
    "size",
    ["0", "201", "-1", "1.5", "ten", "", "\uff11\uff10", "1_0", "9" * 5000, " 5", "1e1"],
    ids=lambda text: repr(text)[:20],
)
def test_invalid_page_size_is_refused(path: str, size: str, as_alice: Api) -> None:
    assert_problem(as_alice.get(path, page_size=size), 400, "invalid_page_size")


@both_lists
@pytest.mark.parametrize("size", ["1", "200", "007"])
def test_page_sizes_from_1_to_200_are_taken(path: str, size: str, as_alice: Api) -> None:
    assert as_alice.get(path, page_size=size).status_code == 200
