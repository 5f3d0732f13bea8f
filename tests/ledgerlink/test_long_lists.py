"""Pages of large tables: whatever way leads to the rows, and however little patience there is, the
pages hold them all, once, and in order."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.db.models import Q

from ledgerlink import long_lists, walks
from ledgerlink.key_times import keys_by_time
from ledgerlink.long_lists import Page, Sought, Way, all_of, each_of, read_page
from ledgerlink.pagination import EVERYWHERE, Cursor, KeyRange
from users.models import User
from users.roles import Role

START = datetime(2026, 1, 1, tzinfo=UTC)
SIZE = 4


@pytest.fixture(autouse=True)
def short_of_breath(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every walk needs many windows, and is given up after the first."""
    monkeypatch.setattr(walks, "FIRST_WINDOW", 2)
    monkeypatch.setattr(walks, "WIDEST_WINDOW", 5)
    monkeypatch.setattr(walks, "PATIENCE", 0)
    monkeypatch.setattr(long_lists, "FEW", 6)


@pytest.fixture
def people(db: None) -> list[int]:
    """The ids of 40 users: every third has a role, every fifth is inactive."""
    roles = [Role.AUDITOR, Role.USER, Role.USER]
    User.objects.bulk_create(
        User(
            username=f"user-{n:02}",
            email=f"user-{n:02}@example.com",
            role=roles[n % 3],
            is_active=n % 5 != 0,
            created_at=START + timedelta(hours=n),
        )
        for n in range(40)
    )
    return list(User.objects.order_by("username").values_list("pk", flat=True))


AUDITORS = Q(role=Role.AUDITOR)
INACTIVE = Q(is_active=False)
EVERYBODY: tuple[Any, ...] = ()
CASES = {
    "everything": (Q(), EVERYBODY),
    "walked": (AUDITORS, EVERYBODY),
    "walked, nothing found": (Q(role=Role.ADMIN), EVERYBODY),
    "an ordered way": (AUDITORS & INACTIVE, [[Way(AUDITORS, "pk")]]),
    "too many in no order": (AUDITORS & INACTIVE, [[Way(AUDITORS)]]),
    "a few": (INACTIVE & AUDITORS, [[Way(AUDITORS)], [Way(INACTIVE & AUDITORS)]]),
    "nobody": (Q(role=Role.ADMIN), [[Way(Q(role=Role.ADMIN))]]),
    "two tracks that meet": (AUDITORS | INACTIVE, [[Way(AUDITORS, "pk"), Way(INACTIVE, "pk")]]),
    "a track and a few": (
        AUDITORS | Q(username="user-01"),
        [[Way(AUDITORS, "pk"), Way(Q(username="user-01"))]],
    ),
}


def turned(sought: Sought, *, newest_first: bool, cursor: Cursor | None = None) -> Iterator[Page]:
    """The page that the cursor leads to, and all that follow it."""
    while True:
        page = read_page(sought, cursor, SIZE, newest_first=newest_first)
        yield page
        cursor = page.onward
        if cursor is None:
            return


@pytest.mark.parametrize("keys", [EVERYWHERE, KeyRange(after=5, before=30)], ids=["all", "range"])
@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("case", CASES)
def test_pages_hold_every_row_once_and_in_order(
    people: list[int], case: str, *, newest_first: bool, keys: KeyRange
) -> None:
    wanted, ways = CASES[case]
    span = keys
    if keys is not EVERYWHERE:
        span = KeyRange(after=people[keys.after], before=people[keys.before])
    sought = Sought(User.objects.all(), wanted, ways, span)
    inside = people[6:30] if keys is not EVERYWHERE else people
    expected = list(User.objects.filter(wanted, pk__in=inside).values_list("pk", flat=True))
    expected.sort(reverse=newest_first)

    pages = list(turned(sought, newest_first=newest_first))
    shown = [row.pk for page in pages for row in page.rows]
    assert shown == expected
    assert all(len(page.rows) <= SIZE for page in pages)
    totals = {page.total for page in pages if page.total is not None}
    assert totals <= {len(expected)}

    back: list[int] = []
    cursor = pages[-1].back
    while cursor is not None:
        page = read_page(sought, cursor, SIZE, newest_first=newest_first)
        back = [row.pk for row in page.rows] + back
        cursor = page.back
    assert back + [row.pk for row in pages[-1].rows] == expected


@pytest.mark.parametrize("case", CASES)
def test_each_of_gives_every_row_newest_first(people: list[int], case: str) -> None:
    wanted, ways = CASES[case]
    found = [row.pk for some in each_of(Sought(User.objects.all(), wanted, ways)) for row in some]
    expected = User.objects.filter(wanted).order_by("-pk").values_list("pk", flat=True)
    assert found == list(expected)


def test_short_page_says_how_far_it_looked(people: list[int]) -> None:
    page = read_page(Sought(User.objects.all(), Q(username="user-00")), None, SIZE)
    assert (page.rows, page.reached, page.total) == ([], people[-2], None)


def test_a_few_are_counted_and_can_be_sorted_in_any_way(people: list[int]) -> None:
    sought = Sought(User.objects.all(), INACTIVE & AUDITORS, [[Way(INACTIVE & AUDITORS)]])
    assert read_page(sought, None, 2).total == 3
    found = all_of(sought)
    assert found is not None
    names = found.order_by("username").values_list("username", flat=True)
    assert list(names) == ["user-00", "user-15", "user-30"]
    assert all_of(Sought(User.objects.all(), AUDITORS)) is None


@pytest.mark.parametrize("hours", [(0, 40), (10, 20), (39, 41), (50, 60), (-5, 0)])
def test_keys_of_a_period_are_those_of_its_rows_and_few_others(
    people: list[int], hours: tuple[int, int]
) -> None:
    start, end = (START + timedelta(hours=hour) for hour in hours)
    keys = keys_by_time(User.objects.all(), "created_at", start, end)
    expected = [pk for n, pk in enumerate(people) if hours[0] <= n < hours[1]]
    found = [pk for pk in people if keys.after < pk < keys.before]
    assert set(expected) <= set(found)
    assert len(found) - len(expected) <= 1
