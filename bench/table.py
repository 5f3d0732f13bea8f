"""What was measured, held against what is to be reached."""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from bench.load import Run
from bench.stage import BATCH, Stage

MAX_MEMORY = 160.0  # MB of a process
MAX_GROWTH = 1.05  # of memory under steady load
MAX_P99 = 150.0  # ms


@dataclass
class Measured:
    """The runs of each workload; memory in MB."""

    runs: dict[str, list[Run]] = field(default_factory=lambda: defaultdict(list))
    rates: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    memory: list[float] = field(default_factory=list)  # peaks
    steady_memory: list[float] = field(default_factory=list)  # after each half of the long run

    def add(self, name: str, run: Run, stage: Stage | None = None) -> None:
        self.runs[name].append(run)
        self.rates[name].append(run.rate * (BATCH if name == "batch of 1,000" else 1))
        if stage is not None:
            self.memory.append(stage.memory(peak=True))

    def alone(self, name: str, printed: str) -> None:
        """A rate that a module of ours printed."""
        self.rates[name].append(float(printed))

    def steady(self, stage: Stage, run: Run) -> None:
        self.add("transfers, for long", run, stage)
        self.steady_memory.append(stage.memory())

    def rate(self, name: str) -> float:
        return statistics.median(self.rates[name])

    def of(self, name: str, figure: str) -> float | None:
        runs = self.runs.get(name, [])
        figures = [getattr(run, figure) for run in runs]
        return statistics.median(figures) if figures and None not in figures else None

    def against(self, name: str, other: str) -> float:
        """The median of the rounds' ratios."""
        pairs = zip(self.rates[name], self.rates[other], strict=True)
        return statistics.median(one / another for one, another in pairs)

    def refused(self, name: str) -> int:
        return sum(run.refused for run in self.runs[name])

    def cpu(self, name: str) -> dict[str, float]:
        """Each one's share of the processor time that all of them used."""
        used: dict[str, float] = defaultdict(float)
        for run in self.runs.get(name, []):
            for who, seconds in run.cpu.items():
                used[who] += seconds
        whole = sum(used.values()) or 1.0
        return {who: round(seconds / whole, 3) for who, seconds in used.items()}


@dataclass(frozen=True)
class Row:
    """`met` is None where there is nothing to reach; `cpu`: shares of the processor time."""

    workload: str
    requests_per_s: float
    p50_ms: float | None
    p99_ms: float | None
    ratios: Mapping[str, float]
    target: str
    met: bool | None
    cpu: Mapping[str, float]
    batch_size: float | None
    memory_mb: float | None

    def as_json(self) -> dict[str, Any]:
        rounded: dict[str, Any] = json.loads(
            json.dumps(asdict(self)), parse_float=lambda text: round(float(text), 3)
        )
        return rounded


def rows(measured: Measured) -> list[Row]:
    return list(_rows(measured))


def _rows(m: Measured) -> Iterator[Row]:
    def row(
        name: str,
        ratios: Mapping[str, float] | None = None,
        target: str = "",
        *,
        met: bool | None = None,
        memory: float | None = None,
    ) -> Row:
        return Row(
            workload=name,
            requests_per_s=m.rate(name),
            p50_ms=m.of(name, "p50_ms"),
            p99_ms=m.of(name, "p99_ms"),
            ratios=ratios or {},
            target=target,
            met=met if m.runs.get(name) is None or not m.refused(name) else False,
            cpu=m.cpu(name),
            batch_size=m.of(name, "batch_size"),
            memory_mb=memory,
        )

    yield row("floor")
    yield row("ceiling")
    yield row("original's pattern")

    name = "transfers"
    floor, original = m.against(name, "floor"), m.against(name, "original's pattern")
    p99 = m.of(name, "p99_ms") or float("inf")
    yield row(
        name,
        {"floor": floor, "original's pattern": original, "ceiling": m.against(name, "ceiling")},
        f"0.55 x floor, 3 x original's pattern, p99 < {MAX_P99:.0f} ms",
        met=floor >= 0.55 and original >= 3 and p99 < MAX_P99,
    )
    for name, other, least in (
        ("hot account", "transfers", 0.85),
        ("balance read", "floor", 0.75),
        ("embedded", "transfers", 0.7),
    ):
        ratio = m.against(name, other)
        yield row(name, {other: ratio}, f"{least} x {other}", met=ratio >= least)
    batches = m.rate("batch of 1,000")
    yield row("batch of 1,000", target="7,000 transfers/s", met=batches >= 7_000)
    for name, other, most in (
        ("page, 5,000,000 rows", "page, 10,000 rows", 1.5),
        ("transfers, 5,000,000 rows", "transfers", 1.3),
    ):
        if other != "transfers":
            yield row(other)
        ratio = m.against(other, name)
        yield row(name, {f"{other} / this": ratio}, f"within {most} x", met=ratio <= most)

    yield row("transfers, undisturbed")
    name = "transfers beside a report"
    ratio = (m.of(name, "p99_ms") or 0.0) / (m.of("transfers, undisturbed", "p99_ms") or 1.0)
    yield row(name, {"p99, undisturbed": ratio}, "p99 < 2 x undisturbed", met=ratio < 2)
    growth = m.steady_memory[-1] / m.steady_memory[0]
    yield row(
        "transfers, for long",
        {"memory at the end / halfway": growth},
        f"< {MAX_MEMORY:.0f} MB a process, flat",
        met=max(m.memory) < MAX_MEMORY and growth < MAX_GROWTH,
        memory=max(m.memory),
    )


def show(table: list[Row]) -> None:
    """Print it, a line for each workload."""
    print(
        f"{'workload':<27}{'/s':>8}{'p50 ms':>9}{'p99 ms':>9}{'batch':>7}{'MB':>6}  "
        f"{'processor':<36}ratios and target"
    )
    for row in table:
        cells = [f"{row.requests_per_s:,.0f}".rjust(8)]
        cells += [_number(row.p50_ms, 9), _number(row.p99_ms, 9), _number(row.batch_size, 7)]
        cells.append(_number(row.memory_mb, 6, digits=0))
        cpu = ", ".join(f"{who} {share:.0%}" for who, share in row.cpu.items())
        ratios = "; ".join(f"{ratio:.2f} x {name}" for name, ratio in row.ratios.items())
        met = {True: "MET", False: "MISSED", None: ""}[row.met]
        goal = f"({row.target}) {met}" if row.target else ""
        print(f"{row.workload:<27}{''.join(cells)}  {cpu:<36}{ratios} {goal}".rstrip())


def _number(value: float | None, width: int, *, digits: int = 1) -> str:
    return f"{value:{width}.{digits}f}" if value is not None else " " * width
