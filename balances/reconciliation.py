"""Proving the books: what a proof finds, and the proofs that need balances and entries alone.

Each proof is one set-based query that selects the breaches. Sums are exact on every engine: a
SUM of MySQL's is a DECIMAL, while SQLite's stops at 64 bits, so amounts are summed there in two
parts, each far from that limit.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.db import connection

from balances.models import Balance
from balances.money import format_amount

EXAMPLES = 5
_PART = 10**9


@dataclass(frozen=True, slots=True)
class Proof:
    """What became of one invariant: how many things were checked, how many break it, and some."""

    number: int
    invariant: str
    checked: int
    breaches: int
    examples: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return self.breaches == 0

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "holds": self.holds}


Row = tuple[Any, ...]
Describe = Callable[[Sequence[Row]], Iterator[str]]


def prove(number: int, invariant: str, *, checked: str, breaches: str, describe: Describe) -> Proof:
    """Run a proof: `checked` counts what there is, `breaches` selects what should not be."""
    with connection.cursor() as cursor:
        cursor.execute(checked)
        (there,) = cursor.fetchone()
        cursor.execute(f"{breaches} LIMIT {EXAMPLES + 1}")
        rows = cursor.fetchall()
        found = len(rows)
        if found > EXAMPLES:
            cursor.execute(f"SELECT COUNT(*) FROM ({breaches}) AS breaches")  # noqa: S608 - ours
            (found,) = cursor.fetchone()
    return Proof(number, invariant, there, found, tuple(describe(rows[:EXAMPLES])))


def total(column: str) -> str:
    """SQL of the exact sum of `column` in one group, as a text or a number that `int` reads."""
    if connection.vendor == "mysql":
        return f"COALESCE(SUM({column}), 0)"
    high, low = _parts(column)
    return f"COALESCE({high}, 0) || ' ' || COALESCE({low}, 0)"


def excess(column: str, over: str) -> str:
    """SQL of the sum of `column` in one group, less `over`: its sign is exact."""
    if connection.vendor == "mysql":
        return f"(COALESCE(SUM({column}), 0) - {over})"
    high, low = _parts(column)
    return (
        f"((COALESCE({high}, 0) + COALESCE({low}, 0) / {_PART} - {over} / {_PART}) * {_PART}"
        f" + COALESCE({low}, 0) % {_PART} - {over} % {_PART})"
    )


def _parts(column: str) -> tuple[str, str]:
    return f"SUM({column} / {_PART})", f"SUM({column} % {_PART})"


def read_total(value: Any) -> int:
    """The number that `total` selected."""
    if isinstance(value, str) and " " in value:
        high, low = value.split()
        return int(high) * _PART + int(low)
    return int(value)


def names_of_balances(ids: Sequence[int]) -> dict[int, str]:
    """`balance 7 (alice USD)`, by id."""
    found = Balance.objects.select_related("user").in_bulk(list(ids))
    return {pk: f"balance {pk} ({balance})" for pk, balance in found.items()}


def prove_entries_sum_to_zero() -> Proof:
    def describe(rows: Sequence[Row]) -> Iterator[str]:
        for currency, summed in rows:
            amount = format_amount(read_total(summed), currency)
            yield f"the entries in {currency} sum to {amount}"

    return prove(
        1,
        "The entries of each currency sum to zero",
        checked="SELECT COUNT(DISTINCT currency) FROM balances_balance",
        breaches=f"""
            SELECT b.currency, {total("e.delta")} FROM balances_balancehistory e
            JOIN balances_balance b ON b.id = e.balance_id
            GROUP BY b.currency HAVING {excess("e.delta", "0")} <> 0""",  # noqa: S608 - ours
        describe=describe,
    )


def prove_balances_equal_their_entries() -> Proof:
    def describe(rows: Sequence[Row]) -> Iterator[str]:
        names = names_of_balances([row[0] for row in rows])
        for pk, currency, amount, summed, after, count, entries in rows:
            held, said = format_amount(amount, currency), format_amount(after or 0, currency)
            added = format_amount(read_total(summed or 0), currency)
            yield (
                f"{names[pk]} has {held}, its {entries or 0} entries (of {count}) add up to "
                f"{added}, and the last one leaves {said}"
            )

    return prove(
        2,
        "Each balance equals its entries and the last of them",
        checked="SELECT COUNT(*) FROM balances_balance",
        breaches=f"""
            SELECT b.id, b.currency, b.amount, s.summed, last.amount_after, b.entry_count, s.entries
            FROM balances_balance b
            LEFT JOIN (
                SELECT e.balance_id, COUNT(*) AS entries, MAX(e.version) AS version,
                    {total("e.delta")} AS summed, {excess("e.delta", "o.amount")} AS excess
                FROM balances_balancehistory e JOIN balances_balance o ON o.id = e.balance_id
                GROUP BY e.balance_id, o.amount
            ) s ON s.balance_id = b.id
            LEFT JOIN balances_balancehistory last
                ON last.balance_id = b.id AND last.version = s.version
            WHERE COALESCE(s.excess, -b.amount) <> 0
                OR COALESCE(last.amount_after, 0) <> b.amount
                OR COALESCE(s.entries, 0) <> b.entry_count
            ORDER BY b.id""",  # noqa: S608 - ours
        describe=describe,
    )


def prove_no_user_is_overdrawn() -> Proof:
    def describe(rows: Sequence[Row]) -> Iterator[str]:
        names = names_of_balances([row[0] for row in rows])
        for pk, currency, amount, held, limit, forced in rows:
            yield (
                f"{names[pk]} has {format_amount(amount, currency)}, of which "
                f"{format_amount(held, currency)} is held, "
                f"and may go {format_amount(limit + forced, currency)} below zero"
            )

    return prove(
        4,
        "No user's balance is overdrawn beyond its limit",
        checked="SELECT COUNT(*) FROM balances_balance WHERE house IS NULL",
        breaches="""
            SELECT id, currency, amount, held, overdraft_limit, forced_overdraft
            FROM balances_balance
            WHERE house IS NULL AND amount < held - overdraft_limit - forced_overdraft
            ORDER BY id""",
        describe=describe,
    )


def prove_history_is_gapless() -> Proof:
    def describe(rows: Sequence[Row]) -> Iterator[str]:
        names = names_of_balances([row[0] for row in rows])
        for pk, currency, version, before, after in rows:
            began = format_amount(before, currency)
            if after is None and version > 1:
                yield f"{names[pk]} has no entry {version - 1} before entry {version}"
            else:
                left = format_amount(after or 0, currency)
                yield f"{names[pk]}: entry {version} begins at {began}, not at {left}"

    return prove(
        5,
        "Each balance's history is gapless: versions from 1, each begins where the last ended",
        checked="SELECT COUNT(*) FROM balances_balancehistory",
        breaches="""
            SELECT e.balance_id, b.currency, e.version, e.amount_before, p.amount_after
            FROM balances_balancehistory e
            JOIN balances_balance b ON b.id = e.balance_id
            LEFT JOIN balances_balancehistory p
                ON p.balance_id = e.balance_id AND p.version = e.version - 1
            WHERE e.amount_before <> COALESCE(p.amount_after, 0)
                OR (p.id IS NULL AND e.version <> 1)
            ORDER BY e.balance_id, e.version""",
        describe=describe,
    )
