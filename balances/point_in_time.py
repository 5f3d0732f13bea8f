"""The books as they stood at a moment, found in the history without walking through it.

The entries of a balance are numbered 1, 2, 3… and written under its lock, so their times grow with
their numbers. The last one before a moment is found by halving: at most one probe of the unique
index on (balance, version) for each binary digit of the number of entries, all in one query.

Where a clock was set back, so that times do not grow everywhere, the answer is still one entry
with an earlier time, followed by one that is not earlier; and it is the same one for everybody who
asks about that moment. Histories cut at it join without a gap or an overlap.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Q

from balances.models import Balance, BalanceHistory

_MOMENT = timedelta(microseconds=1)  # the resolution of the books


@dataclass(frozen=True, slots=True)
class PastBalance:
    """What was posted, in minor units; `entry_version` is the last entry's, 0 before the first.

    What was held is not known: holds make no entry.
    """

    currency: str
    amount: int
    entry_version: int


def last_versions_before(balances: Sequence[Balance], moment: datetime) -> dict[int, int]:
    """The version of the last entry of each balance that was written before `moment`, by the
    balance's primary key; 0 where there is none.

    The probes do not depend on how many entries there are, so entries that are added later, with
    later times, never change the answer.
    """
    entries = max((balance.entry_count for balance in balances), default=0)
    if entries == 0:
        return {balance.pk: 0 for balance in balances}
    marks = ", ".join(["%s"] * len(balances))
    with connection.cursor() as cursor:
        cursor.execute(
            _SEARCH.format(marks=marks),
            [
                1 << (entries.bit_length() - 1),
                *(balance.pk for balance in balances),
                connection.ops.adapt_datetimefield_value(moment),
            ],
        )
        return {int(pk): int(version) for pk, version in cursor.fetchall()}


# `version` grows by each power of two, the largest first, that leads to an entry before the moment.
_SEARCH = """
WITH RECURSIVE search (balance_id, version, step) AS (
    SELECT id, CAST(0 AS SIGNED), CAST(%s AS SIGNED) FROM balances_balance WHERE id IN ({marks})
    UNION ALL
    SELECT s.balance_id,
        CASE WHEN e.created_at < %s THEN s.version + s.step ELSE s.version END,
        s.step >> 1
    FROM search s
    LEFT JOIN balances_balancehistory e
        ON e.balance_id = s.balance_id AND e.version = s.version + s.step
    WHERE s.step > 0
)
SELECT balance_id, version FROM search WHERE step = 0
"""


def amounts_over_time(
    balances: Sequence[Balance], moments: Sequence[datetime]
) -> dict[int, list[int]]:
    """What each balance stood at before each of `moments`, in minor units, by its primary key; one
    query for all."""
    amounts = {balance.pk: [0] * len(moments) for balance in balances}
    entries = max((balance.entry_count for balance in balances), default=0)
    if entries == 0 or not moments:
        return amounts
    at = "CAST(%s AS DATETIME(6))" if connection.vendor == "mysql" else "%s"
    table = " UNION ALL ".join(f"SELECT {n} AS place, {at} AS at" for n in range(len(moments)))
    marks = ", ".join(["%s"] * len(balances))
    with connection.cursor() as cursor:
        cursor.execute(
            _SEARCH_EACH.format(moments=table, marks=marks),
            [
                1 << (entries.bit_length() - 1),
                *(connection.ops.adapt_datetimefield_value(moment) for moment in moments),
                *amounts,
            ],
        )
        for pk, place, amount in cursor.fetchall():
            amounts[pk][place] = int(amount)
    return amounts


# As `_SEARCH`, for each pair of a balance and a moment; those before the first entry are left out.
_SEARCH_EACH = """
WITH RECURSIVE search (balance_id, place, at, version, step) AS (
    SELECT b.id, m.place, m.at, CAST(0 AS SIGNED), CAST(%s AS SIGNED)
    FROM balances_balance b CROSS JOIN ({moments}) m WHERE b.id IN ({marks})
    UNION ALL
    SELECT s.balance_id, s.place, s.at,
        CASE WHEN e.created_at < s.at THEN s.version + s.step ELSE s.version END,
        s.step >> 1
    FROM search s
    LEFT JOIN balances_balancehistory e
        ON e.balance_id = s.balance_id AND e.version = s.version + s.step
    WHERE s.step > 0
)
SELECT s.balance_id, s.place, e.amount_after
FROM search s
JOIN balances_balancehistory e ON e.balance_id = s.balance_id AND e.version = s.version
WHERE s.step = 0
"""


def amounts_after(versions: dict[int, int]) -> dict[int, int]:
    """The amount that the entry of each version left, by the balance's primary key."""
    wanted = Q()
    for pk, version in versions.items():
        wanted |= Q(balance_id=pk, version=version)
    rows = BalanceHistory.objects.filter(wanted).values_list("balance_id", "amount_after")
    return dict.fromkeys(versions, 0) | (dict(rows) if wanted else {})


def balances_at(balances: Sequence[Balance], moment: datetime) -> list[PastBalance]:
    """What each of `balances` stood at when `moment` was over."""
    versions = last_versions_before(balances, moment + _MOMENT)
    amounts = amounts_after(versions)
    return [PastBalance(b.currency, amounts[b.pk], versions[b.pk]) for b in balances]
