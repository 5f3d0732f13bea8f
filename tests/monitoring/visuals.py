"""What each kind of panel shows, as HTML and SVG."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from tests.monitoring.chart import Chart, Line, Sample
from tests.monitoring.units import shown

COLORS = {
    "green": "#73bf69",
    "yellow": "#fade2a",
    "red": "#f2495c",
    "blue": "#5794f2",
    "orange": "#ff9830",
    "transparent": "transparent",
}
PALETTE = (
    *("#73bf69", "#f2cc0c", "#8ab8ff", "#ff780a", "#f2495c", "#5794f2", "#b877d9", "#705da0"),
    *("#37872d", "#fade2a", "#447ebc", "#c15c17", "#890f02", "#0a437c", "#6d1f62", "#584477"),
)

Labels = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Found:
    """A series that a panel got: `samples` has one member for a query of one moment."""

    query: int
    legend: str
    labels: Labels
    samples: Sequence[Sample]

    @property
    def last(self) -> float:
        values = [value for _, value in self.samples if not math.isnan(value)]
        return values[-1] if values else math.nan


@dataclass(frozen=True, slots=True)
class View:
    """A panel with its size in pixels, and the time range in seconds since the epoch."""

    json: Mapping[str, Any]
    wide: int
    high: int
    start: float
    end: float

    @property
    def defaults(self) -> Mapping[str, Any]:
        fields: Mapping[str, Any] = self.json["fieldConfig"]["defaults"]
        return fields

    def color(self, value: float) -> str:
        """Of its mapping, else of the threshold that it has reached."""
        mapped = self._mapping(value)
        steps = self.defaults["thresholds"]["steps"]
        reached = [s["color"] for s in steps if s["value"] is None or value >= s["value"]]
        return COLORS[mapped["color"] if mapped else reached[-1]]

    def text(self, value: float) -> str:
        mapped = self._mapping(value)
        unit, decimals = self.defaults["unit"], self.defaults.get("decimals")
        return mapped["text"] if mapped else shown(value, unit, decimals)

    def _mapping(self, value: float) -> Mapping[str, str] | None:
        for mapping in self.defaults.get("mappings", []):
            option: Mapping[str, str] | None = mapping["options"].get(f"{value:g}")
            if option is not None:
                return option
        return None


def stat(view: View, found: Sequence[Found]) -> str:
    first, options = found[0], view.json["options"]
    text = first.legend if options["textMode"] == "name" else view.text(first.last)
    color = view.color(first.last)
    size = min(38, int(view.wide / max(len(text), 4) * 1.45))
    shade = "#fff" if options["colorMode"] == "background" else color
    room = view.high // 3 if options["graphMode"] == "area" else view.high // 6
    place = f"font-size:{size}px;color:{shade};bottom:{room}px"
    value = f'<div class=value style="{place}">{escape(text)}</div>'
    return value + (
        _spark(view, first.samples, color, room) if options["graphMode"] == "area" else ""
    )


def _spark(view: View, samples: Sequence[Sample], color: str, high: int) -> str:
    points = [(at, value) for at, value in samples if not math.isnan(value)]
    low, most = min(v for _, v in points), max(v for _, v in points)
    reach, length = most - low or 1.0, view.end - view.start
    line = [
        f"{(at - view.start) / length * view.wide:.1f},"
        f"{high - 2 - (value - low) / reach * (high - 6):.1f}"
        for at, value in points
    ]
    first, last = line[0].split(",")[0], line[-1].split(",")[0]
    area = f"{first},{high} {' '.join(line)} {last},{high}"
    return (
        f'<svg class=spark width="{view.wide}" height="{high}">'
        f'<polygon points="{area}" fill="{color}" fill-opacity="0.2"/>'
        f'<polyline points="{" ".join(line)}" fill="none" stroke="{color}"/></svg>'
    )


def timeseries(view: View, found: Sequence[Found]) -> str:
    defaults, custom = view.defaults, view.defaults["custom"]
    lines = _lines(view, found)
    calcs = view.json["options"]["legend"]["calcs"]
    legend = _numbers(view, lines, calcs) if calcs else _legend(lines)
    below = 22 * (len(lines) + 1) if calcs else 40
    limit = defaults["thresholds"]["steps"][-1]
    dashed = custom["thresholdsStyle"]["mode"] == "dashed"
    chart = Chart(
        width=view.wide - 4,
        height=max(view.high - 36 - below, 90),
        start=view.start,
        end=view.end,
        unit=defaults["unit"],
        decimals=defaults.get("decimals"),
        least=defaults.get("min"),
        most=defaults.get("max"),
        stacked=custom["stacking"]["mode"] == "normal",
        bars=custom["drawStyle"] == "bars",
        fill=custom["fillOpacity"] / 100,
        stroke=custom["lineWidth"],
        threshold=(limit["value"], COLORS[limit["color"]]) if dashed else None,
    )
    return chart.svg(lines) + legend


def _lines(view: View, found: Sequence[Found]) -> list[Line]:
    fixed = {
        override["matcher"]["options"]: COLORS[p["value"]["fixedColor"]]
        for override in view.json["fieldConfig"]["overrides"]
        for p in override["properties"]
        if p["id"] == "color"
    }
    return [
        Line(f.legend, fixed.get(f.legend, PALETTE[n % len(PALETTE)]), f.samples)
        for n, f in enumerate(found)
    ]


def _legend(lines: Sequence[Line]) -> str:
    items = [f'<span><i style="background:{x.color}"></i>{escape(x.name)}</span>' for x in lines]
    return f"<div class=legend>{''.join(items)}</div>"


def _numbers(view: View, lines: Sequence[Line], calcs: Sequence[str]) -> str:
    rows = []
    for line in lines:
        values = [value for _, value in line.samples if not math.isnan(value)]
        of = {"lastNotNull": values[-1], "max": max(values), "mean": sum(values) / len(values)}
        cells = [f"<td class=number>{escape(view.text(of[calc]))}</td>" for calc in calcs]
        name = f'<td><i style="background:{line.color}"></i>{escape(line.name)}</td>'
        rows.append(f"<tr>{name}{''.join(cells)}</tr>")
    titles = {"lastNotNull": "Last", "max": "Max", "mean": "Mean"}
    heads = "".join(f"<th class=number>{titles[calc]}</th>" for calc in calcs)
    return f"<table class=numbers><tr><th>Name</th>{heads}</tr>{''.join(rows)}</table>"


def bargauge(view: View, found: Sequence[Found]) -> str:
    most = view.defaults.get("max") or max(f.last for f in found) or 1.0
    classic = view.defaults["color"]["mode"] == "palette-classic"
    bars = []
    for number, one in enumerate(found):
        color = PALETTE[number] if classic else view.color(one.last)
        part = min(max(one.last / most, 0.0), 1.0) * 100
        bars.append(
            f"<div class=bar><span>{escape(one.legend)}</span><div>"
            f'<b style="width:{part:.1f}%;background:{color}"></b></div>'
            f'<em style="color:{color}">{escape(view.text(one.last))}</em></div>'
        )
    return "".join(bars)
