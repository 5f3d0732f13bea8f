"""Entries beyond a primary key are found by their versions, whatever lies between."""

import pytest

from balances.entry_ways import way_to_entries
from balances.models import BalanceHistory
from tests.books import balance_of, fund
from users.models import User

pytestmark = pytest.mark.django_db


def test_entries_beyond_a_key_are_those_beyond_its_version(alice: User, bob: User) -> None:
    for user in (bob, alice, alice, bob, alice, bob, bob, bob, alice):
        fund(user, "1.00")
    way = way_to_entries(balance_of(alice).pk)
    assert way.order == "version"
    assert way.seek is not None
    keys = BalanceHistory.objects.order_by("pk").values_list("pk", flat=True)
    entries = list(keys.filter(way.condition))
    assert entries == list(keys.filter(balance__user=alice))
    for key in range(min(keys) - 1, max(keys) + 2):
        newer = keys.filter(way.condition, version__gt=way.seek(key, False))
        older = keys.filter(way.condition, version__lt=way.seek(key, True))
        assert list(newer) == [pk for pk in entries if pk > key]
        assert list(older) == [pk for pk in entries if pk < key]
