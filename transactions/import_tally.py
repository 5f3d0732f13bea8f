"""What became of the lines of an import."""

from dataclasses import dataclass, field

from transactions.instructions import Outcome

SHOWN_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Problem:
    line: int
    reason: str

    def __str__(self) -> str:
        return f"line {self.line}: {self.reason}"


@dataclass(slots=True)
class Problems:
    """How many lines are bad, and the first of them."""

    count: int = 0
    first: list[Problem] = field(default_factory=list)

    def add(self, problem: Problem) -> None:
        self.count += 1
        if len(self.first) < SHOWN_PROBLEMS:
            self.first.append(problem)


@dataclass(slots=True)
class Tally:
    """What became of the rows; `openings` and `users` were made on their behalf."""

    rows: int = 0
    posted: int = 0
    failed: int = 0  # refused by the engine, and kept as failed transactions
    already_there: int = 0
    openings: int = 0
    users: int = 0
    problems: Problems = field(default_factory=Problems)

    def count(self, line: int, outcome: Outcome, *, opens: bool) -> None:
        """Count the outcome of a row, or, if `opens`, of the opening deposit before it."""
        if outcome.transaction is None:
            assert outcome.error is not None
            self.problems.add(Problem(line, outcome.error.detail))
        elif opens:
            self.openings += 0 if outcome.replayed or outcome.error else 1
        elif outcome.replayed:
            self.already_there += 1
        elif outcome.error is not None:
            self.failed += 1
        else:
            self.posted += 1
