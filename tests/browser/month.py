"""Thirty days of business for the pictures, on empty books: `python -m tests.browser.month`.

The clock of this process is moved through those days: the posting engine takes its times from it.
"""

import os
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import django
from django.utils import timezone

DAYS = 30
OPEN = 20 * 60  # minutes a day, from one o'clock


class Clock:
    now = datetime.now(UTC)


def moments(start: datetime, end: datetime, chance: random.Random) -> Iterator[datetime]:
    """In order; less happens at weekends."""
    for number in range(DAYS + 1):
        day = start + timedelta(days=number)
        busy = chance.randint(2, 4) if day.weekday() >= 5 else chance.randint(6, 12)
        minutes = sorted(chance.randint(0, OPEN) for _ in range(busy))
        yield from (at for m in minutes if (at := day + timedelta(minutes=m)) < end)


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ledgerlink.settings")
    end = Clock.now
    start = end.replace(hour=1, minute=0, second=0, microsecond=0) - timedelta(days=DAYS)
    Clock.now = start
    timezone.now = lambda: Clock.now  # before any model takes it for a default
    django.setup()
    from tests.browser.business import Business

    chance = random.Random(7)
    business = Business(chance)
    for at in moments(start, end, chance):
        Clock.now = at
        business.go_on(at)


if __name__ == "__main__":
    main()
