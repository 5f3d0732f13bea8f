"""Importing a file of transactions through the posting engine.

Two passes through the file, neither of which holds it in memory. The first reads every line and
posts nothing; unless bad lines are to be skipped, one of them ends it here. The second posts
batch by batch. Each row has an idempotency key made of the import's name, of what the line says,
and of how many like it came before: whoever repeats an import, mends its file or resumes it moves
nothing twice.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import BinaryIO

from django.db import IntegrityError

from balances.enums import House, Owner
from ledgerlink.errors import LedgerError
from transactions.csv_lines import ImportRefused, Line, read_lines
from transactions.import_rows import Movement, Name, Row, RowReader
from transactions.import_tally import Problem, Tally
from transactions.instructions import Idempotency, Instruction
from transactions.models import IdempotencyKey
from transactions.processor import post_directly
from users.actors import Actor
from users.bulk import create_users, ids_of

MAX_REMEMBERED_USERS = 100_000
CREATE_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class _Numbered:
    line: int
    row: Row
    key: str


@dataclass(frozen=True, slots=True)
class _Batch:
    """`end` is how far in the file it reaches, in bytes."""

    end: int
    rows: list[_Numbered]
    problems: list[Problem]


class Import:
    """One file being imported. `reader` makes a RowReader from the fields of the header."""

    def __init__(
        self,
        file: BinaryIO,
        reader: Callable[[Sequence[str]], RowReader],
        *,
        name: str,
        actor: Actor,
        batch_size: int,
    ) -> None:
        self._file = file
        self._reader = reader
        self.name = name
        self._actor = actor
        self._batch_size = batch_size
        self._users: dict[str, int] = {}

    def check(self) -> Iterator[tuple[int, Tally]]:
        """Read everything and post nothing: after each batch, the byte reached and what was found.

        Raises ImportRefused when the header is not one of the format's.
        """
        tally = Tally()
        for batch, creates_users in self._batches():
            problems = list(batch.problems)
            if not creates_users:
                problems += self._strangers(batch.rows)
            tally.rows += len(batch.rows) + len(batch.problems)
            for problem in sorted(problems, key=lambda p: p.line):
                tally.problems.add(problem)
            yield batch.end, tally

    def post(self) -> Iterator[tuple[int, Tally]]:
        """Post the rows that can be posted: after each batch, the byte reached and the tally.

        Raises Unavailable and what else `post_directly` does; the batches before are posted then.
        """
        tally = Tally()
        for batch, creates_users in self._batches():
            tally.rows += len(batch.rows) + len(batch.problems)
            for problem in batch.problems:
                tally.problems.add(problem)
            self._post_batch(batch.rows, tally, creates_users=creates_users)
            yield batch.end, tally

    def _batches(self) -> Iterator[tuple[_Batch, bool]]:
        lines = read_lines(self._file)
        header = next(lines, None)
        if header is None:
            raise ImportRefused("The file is empty.")
        if header.problem:
            raise ImportRefused(f"Line {header.number} is no header: {header.problem}.")
        reader = self._reader(header.fields)
        seen: Counter[bytes] = Counter()
        while chunk := list(islice(lines, self._batch_size)):
            yield self._read_batch(reader, chunk, seen), reader.creates_users

    def _read_batch(self, reader: RowReader, lines: Sequence[Line], seen: Counter[bytes]) -> _Batch:
        batch = _Batch(lines[-1].end, [], [])
        for line in lines:
            if line.problem:
                batch.problems.append(Problem(line.number, line.problem))
                continue
            try:
                row = reader.read(line.fields)
            except LedgerError as error:
                batch.problems.append(Problem(line.number, error.detail))
            else:
                key = self._key_of_row(line.fields, seen)
                batch.rows.append(_Numbered(line.number, row, key))
        return batch

    def _key_of_row(self, fields: Sequence[str], seen: Counter[bytes]) -> str:
        """Made of what the row says, and of how many like it came before: lines may be taken out,
        mended and added between two runs."""
        said = hashlib.blake2b("\0".join(fields).encode(), digest_size=8).digest()
        seen[said] += 1
        return self._key(str(seen[said]), *fields)

    def _key(self, *parts: str) -> str:
        return hashlib.sha256("\0".join((self.name, *parts)).encode()).hexdigest()

    def _there(self, rows: Sequence[_Numbered]) -> set[str]:
        """The keys of those rows that were posted already."""
        keys = IdempotencyKey.objects.filter(
            scope=self._actor.scope, key__in=[row.key for row in rows]
        )
        return set(keys.values_list("key", flat=True))

    def _strangers(self, rows: Sequence[_Numbered]) -> list[Problem]:
        """The rows that mention somebody unknown; one that was posted may, they left since."""
        known = self._known([name for row in rows for name in row.row.people])
        suspects = [
            row for row in rows if any(name.lower() not in known for name in row.row.people)
        ]
        there = self._there(suspects) if suspects else set()
        return [
            Problem(row.line, f"there is no user {name}")
            for row in suspects
            if row.key not in there
            for name in [n for n in row.row.people if n.lower() not in known][:1]
        ]

    def _known(self, names: Sequence[str]) -> dict[str, int]:
        wanted = {name.lower() for name in names}
        new = wanted - self._users.keys()
        if len(self._users) + len(new) > MAX_REMEMBERED_USERS:
            self._users, new = {}, wanted
        if new:
            self._users |= ids_of(new)
        return self._users

    def _make_users(self, names: Sequence[str]) -> int:
        """Make those that are not there. Another import may be making them at the same time."""
        for attempt in range(1, CREATE_ATTEMPTS + 1):
            known = self._known(names)
            missing = {n.lower(): n for n in reversed(names) if n.lower() not in known}
            if not missing:
                return 0
            try:
                self._users |= create_users(list(missing.values()), self._actor)
            except IntegrityError:
                if attempt == CREATE_ATTEMPTS:
                    raise
            else:
                return len(missing)
        return 0

    def _begun(self, rows: Sequence[_Numbered]) -> bool:
        """Whether an import of this name may have posted some: it would have come to the first or
        to the last. The engine knows every key anyway; this spares new files the question."""
        return bool(self._there([*rows[:1], *rows[-1:]]))

    def _post_batch(self, rows: Sequence[_Numbered], tally: Tally, *, creates_users: bool) -> None:
        there = self._there(rows) if self._begun(rows) else set()
        tally.already_there += len(there)
        fresh = [row for row in rows if row.key not in there]
        names = [name for row in fresh for name in row.row.people]
        if creates_users:
            tally.users += self._make_users(names)
        known = self._known(names)
        asked: list[tuple[int, bool, Instruction]] = []  # line, whether it opens
        for row in fresh:
            if any(name.lower() not in known for name in row.row.people):
                tally.problems.add(Problem(row.line, "it mentions a user that is not there"))
                continue
            if row.row.opening is not None:
                asked.append((row.line, True, self._opening(row.row.opening, known)))
            movement = self._instruction(row.row.movement, row.key, known)
            asked.append((row.line, False, movement))
        if asked:
            outcomes = post_directly([instruction for _, _, instruction in asked])
            for (line, opens, _), outcome in zip(asked, outcomes, strict=True):
                tally.count(line, outcome, opens=opens)

    def _opening(self, movement: Movement, known: dict[str, int]) -> Instruction:
        """Its key is the person's, not the line's: nobody is given a second one, whichever line
        turns out to be the first."""
        key = self._key("opening", str(movement.destination).lower())
        return self._instruction(movement, key, known)

    def _instruction(self, movement: Movement, key: str, known: dict[str, int]) -> Instruction:
        return Instruction(
            type=movement.type,
            source=_owner(movement.source, known),
            destination=_owner(movement.destination, known),
            amount=movement.amount,
            currency=movement.currency,
            actor=self._actor,
            description=movement.description,
            reference=movement.reference,
            effective_at=movement.effective_at,
            idempotency=Idempotency(key, key, keep_answer=False),
        )


def _owner(name: Name, known: dict[str, int]) -> Owner:
    return name if isinstance(name, House) else known[name.lower()]
