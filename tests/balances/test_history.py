"""Pages of ledger entries: whichever way they are turned, none is left out and none comes twice."""

import pytest

from balances.history import Excerpt, Page, excerpt, read_page
from balances.queries import balances_of
from tests.books import fund
from users.models import User

pytestmark = pytest.mark.django_db


def entries_of(user: User) -> Excerpt:
    return excerpt(list(balances_of(user.pk)))


def keys(page: Page) -> list[int]:
    return [entry.pk for entry in page.entries]


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_pages_of_several_currencies_are_turned_back_to_what_they_were(
    size: int, alice: User
) -> None:
    for currency in ("USD", "EUR", "EUR", "USD", "JPY", "USD", "EUR"):
        fund(alice, "1", currency)
    of = entries_of(alice)
    older = [read_page(of, None, size)]
    while older[-1].older is not None:
        older.append(read_page(of, older[-1].older, size))
    everything = [key for page in older for key in keys(page)]
    assert everything == sorted(everything, reverse=True)
    assert len(everything) == 7
    newer = [older[-1]]
    while newer[-1].newer is not None:
        newer.append(read_page(of, newer[-1].newer, size))
    newer = [page for page in newer if page.entries]
    assert [keys(page) for page in reversed(newer)] == [keys(page) for page in older]
    for page, before in zip(newer[1:], newer[:-1], strict=True):
        assert page.older is not None
        assert keys(read_page(of, page.older, size)) == keys(before)


def test_entries_in_a_new_currency_are_newer_than_every_page_that_was_shown(alice: User) -> None:
    for _ in range(3):
        fund(alice, "1.00")
    first = read_page(entries_of(alice), None, 1)
    fund(alice, "1.00", "EUR")
    of = entries_of(alice)
    rest = read_page(of, first.older, 10)
    assert [entry.version for entry in rest.entries] == [2, 1]
    euros, dollars = read_page(of, rest.newer, 10).entries
    assert (euros.version, dollars.pk) == (1, first.entries[0].pk)
    assert euros.balance_id != dollars.balance_id
