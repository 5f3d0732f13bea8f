"""A time series panel as SVG."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from tests.monitoring.units import shown

LEFT, RIGHT, TOP, BOTTOM = 74, 10, 8, 24  # pixels around the plot
GRID, TEXT = "rgba(204,204,220,0.09)", "#9fa7b3"
TIMES = 6  # at most, below the plot

Sample = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    color: str
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class Chart:
    """How a panel wants its lines; `start` and `end` are seconds since the epoch."""

    width: int
    height: int
    start: float
    end: float
    unit: str
    decimals: int | None
    least: float | None
    most: float | None
    stacked: bool
    bars: bool
    fill: float  # 0 to 1
    stroke: float
    threshold: tuple[float, str] | None

    def svg(self, lines: Sequence[Line]) -> str:
        bands = list(_bands(lines, stacked=self.stacked))
        low, high = self._range(bands)
        ticks = _ticks(low, high, self.unit)
        low, high = min(low, ticks[0]), max(high, ticks[-1])
        body = [*self._axes(ticks, low, high)]
        for line, below, above in reversed(bands):
            body += self._band(line, below, above, low, high)
        if self.threshold is not None and low <= self.threshold[0] <= high:
            y = self._y(self.threshold[0], low, high)
            body.append(
                f'<line x1="{LEFT}" x2="{self.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
                f'stroke="{self.threshold[1]}" stroke-dasharray="8 6"/>'
            )
        return f'<svg width="{self.width}" height="{self.height}">{"".join(body)}</svg>'

    def _range(
        self, bands: Sequence[tuple[Line, list[Sample], list[Sample]]]
    ) -> tuple[float, float]:
        values = [value for _, _, above in bands for _, value in above]
        low = min(values, default=0.0) if self.least is None else self.least
        high = max(values, default=1.0) if self.most is None else self.most
        return low, high if high > low else low + 1.0

    def _x(self, at: float) -> float:
        return LEFT + (at - self.start) / (self.end - self.start) * (self.width - LEFT - RIGHT)

    def _y(self, value: float, low: float, high: float) -> float:
        inside = min(max((value - low) / (high - low), 0.0), 1.0)
        return TOP + (1 - inside) * (self.height - TOP - BOTTOM)

    def _axes(self, ticks: Sequence[float], low: float, high: float) -> Iterator[str]:
        for tick in ticks:
            y = self._y(tick, low, high)
            yield (
                f'<line x1="{LEFT}" x2="{self.width - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" '
                f'stroke="{GRID}"/><text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" '
                f'fill="{TEXT}">{escape(shown(tick, self.unit, self.decimals))}</text>'
            )
        step = next(
            s for s in (15, 30, 60, 120, 300, 600, 1800) if (self.end - self.start) / s <= TIMES
        )
        at = math.ceil(self.start / step) * step
        while at <= self.end:
            x = self._x(at)
            label = time.strftime("%H:%M:%S" if step < 60 else "%H:%M", time.gmtime(at))
            if LEFT + 20 <= x <= self.width - 24:
                yield (
                    f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{TOP}" y2="{self.height - BOTTOM}" '
                    f'stroke="{GRID}"/><text x="{x:.1f}" y="{self.height - 6}" '
                    f'text-anchor="middle" fill="{TEXT}">{label}</text>'
                )
            at += step

    def _band(
        self, line: Line, below: list[Sample], above: list[Sample], low: float, high: float
    ) -> Iterator[str]:
        top = [f"{self._x(at):.1f},{self._y(value, low, high):.1f}" for at, value in above]
        if not top:
            return
        if self.bars:
            yield from self._bars(line, below, above, low, high)
            return
        base = [f"{self._x(at):.1f},{self._y(value, low, high):.1f}" for at, value in below]
        if self.fill:
            area = " ".join([*top, *reversed(base)])
            yield f'<polygon points="{area}" fill="{line.color}" fill-opacity="{self.fill}"/>'
        yield (
            f'<polyline points="{" ".join(top)}" fill="none" stroke="{line.color}" '
            f'stroke-width="{self.stroke}" stroke-linejoin="round"/>'
        )

    def _bars(
        self, line: Line, below: list[Sample], above: list[Sample], low: float, high: float
    ) -> Iterator[str]:
        wide = max((self.width - LEFT - RIGHT) / max(len(above), 1) * 0.8, 1.0)
        for (at, value), (_, base) in zip(above, below, strict=True):
            y, foot = self._y(value, low, high), self._y(base, low, high)
            if foot > y:
                yield (
                    f'<rect x="{self._x(at) - wide / 2:.1f}" y="{y:.1f}" width="{wide:.1f}" '
                    f'height="{foot - y:.1f}" fill="{line.color}" fill-opacity="{self.fill}" '
                    f'stroke="{line.color}" stroke-width="0.5"/>'
                )


def _bands(
    lines: Sequence[Line], *, stacked: bool
) -> Iterator[tuple[Line, list[Sample], list[Sample]]]:
    """Each line with what it stands on, and its upper edge."""
    floor: dict[float, float] = {}
    for line in lines:
        samples = [(at, value) for at, value in line.samples if not math.isnan(value)]
        below = [(at, floor.get(at, 0.0) if stacked else 0.0) for at, _ in samples]
        above = [(at, value + base) for (at, value), (_, base) in zip(samples, below, strict=True)]
        floor |= dict(above)
        yield line, below, above


def _ticks(low: float, high: float, unit: str) -> list[float]:
    """Four to seven round numbers that hold the range."""
    raw = (high - low) / 4
    if unit == "bytes":
        step = 2.0 ** math.ceil(math.log2(raw))
    else:
        size = 10 ** math.floor(math.log10(raw))
        step = next(size * factor for factor in (1, 2, 2.5, 5, 10) if size * factor >= raw)
    first = math.floor(low / step)
    return [step * n for n in range(first, math.ceil(high / step) + 1)]
