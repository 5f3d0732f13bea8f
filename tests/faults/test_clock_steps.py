"""The clock of the machine is set, forwards and back, while money moves."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.utils import timezone

from balances.models import BalanceHistory
from tests.books import assert_books_are_sound
from tests.clock import Clock
from tests.faults.movements import MOVEMENTS, Books, Cast, Movement, funded
from transactions.reconciliation import reconcile
from users.models import User

pytestmark = pytest.mark.django_db(transaction=True)

STEPS = [timedelta(minutes=minutes) for minutes in (30, -90, 59, -1)]


def test_clock_that_is_set_changes_nothing_but_times(
    alice: User, bob: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Entries stay gapless, in the order in which they were posted, and keys are replayed."""
    cast = funded(alice, bob)
    begin = timezone.now()
    clock = Clock(monkeypatch, begin)

    def sent(make: Callable[[Cast], Movement], step: timedelta) -> tuple[object, ...]:
        movement = make(cast)  # what it is about was made before the step
        before = Books.now()
        clock.now = begin + step
        first = movement.send()
        effect = Books.now().since(before)
        clock.now = begin
        again = movement.send()
        assert (again.content, again["Idempotent-Replayed"]) == (first.content, "true")
        assert Books.now().since(before) == effect
        return first.status_code, effect

    for name, make in MOVEMENTS.items():
        usual = sent(make, timedelta())
        for step in STEPS:
            assert sent(make, step) == usual, (name, step)
    times = BalanceHistory.objects.filter(balance__user=alice).order_by("version")
    moments = list(times.values_list("created_at", flat=True))
    assert moments != sorted(moments)
    assert_books_are_sound()
    assert [proof for proof in reconcile() if proof.breaches] == []
