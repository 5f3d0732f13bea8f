"""A dashboard as a page: its panels as Grafana shows them, near enough to know what is seen."""

import math
from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

from tests.monitoring.tables import table
from tests.monitoring.visuals import Found, Labels, View, bargauge, stat, timeseries

WIDTH, CELL, GAP, HEAD = 1600, 30, 8, 104  # pixels
COLUMNS = 24
STYLE = """
* { box-sizing: border-box; margin: 0 }
body { background: #111217; color: #ccccdc; font: 13px Inter, "Noto Sans", sans-serif;
  position: relative }
svg text { font-size: 12px }
header { padding: 14px 16px 0; height: 96px }
h1 { font-size: 19px; font-weight: 500; display: inline-block; margin-right: 14px }
header p { display: inline; color: #9fa7b3 }
nav { margin-top: 12px; display: flex; gap: 8px }
nav span { border: 1px solid rgba(204,204,220,.16); border-radius: 2px; padding: 5px 10px;
  background: #181b1f }
nav .variable { color: #6e9fff } nav .right { margin-left: auto; color: #9fa7b3 }
.panel { position: absolute; background: #181b1f; border: 1px solid rgba(204,204,220,.12);
  border-radius: 2px; overflow: hidden }
.panel h2 { font-size: 14px; font-weight: 500; padding: 7px 10px 6px; white-space: nowrap }
.row { position: absolute; font-size: 16px; font-weight: 500; padding: 5px 4px }
.row::before { content: "⌄"; margin-right: 8px; color: #9fa7b3 }
.value { position: absolute; left: 12px; font-weight: 500; white-space: nowrap }
.spark { position: absolute; left: 0; bottom: 0 }
.legend { padding: 0 12px; display: flex; flex-wrap: wrap; gap: 2px 14px; color: #b6bcc6;
  font-size: 12px; max-height: 36px; overflow: hidden }
.legend i, td i { display: inline-block; width: 14px; height: 4px; border-radius: 2px;
  margin-right: 6px; vertical-align: middle }
table { border-collapse: collapse; width: 100%; font-size: 13px }
th { text-align: left; color: #6e9fff; font-weight: 500 }
th, td { padding: 5px 12px; border-bottom: 1px solid rgba(204,204,220,.08); white-space: nowrap }
.numbers { font-size: 12px } .numbers th, .numbers td { padding: 1px 12px; border: 0 }
.number { text-align: right }
.bar { display: flex; align-items: center; gap: 10px; padding: 0 12px; margin-bottom: 6px }
.bar span { width: 120px; overflow: hidden; text-overflow: ellipsis; white-space: nowrap }
.bar div { flex: 1; height: 22px; background: rgba(204,204,220,.06); border-radius: 2px }
.bar b { display: block; height: 100%; border-radius: 2px }
.bar em { font-style: normal; width: 84px; text-align: right; font-weight: 500 }
"""


_CONTENT: dict[str, Callable[[View, Sequence[Found]], str]] = {
    "stat": stat,
    "timeseries": timeseries,
    "bargauge": bargauge,
    "table": table,
}


def page(
    dashboard: Mapping[str, Any],
    others: Sequence[str],
    found: Mapping[int, Sequence[Found]],
    *,
    start: float,
    end: float,
) -> tuple[str, int]:
    """HTML and its height in pixels; `found` is by the panel's id."""
    bottom = max(p["gridPos"]["y"] + p["gridPos"]["h"] for p in dashboard["panels"])
    height = HEAD + bottom * (CELL + GAP) + GAP
    variables = [
        f'<span>{escape(v["label"])} <span class="variable" style="border:0">All</span></span>'
        for v in dashboard["templating"]["list"]
    ]
    links = [f"<span>{escape(title)} ↗</span>" for title in others]
    minutes = round((end - start) / 60)
    body = [
        f"<header><h1>{escape(dashboard['title'])}</h1><p>{escape(dashboard['description'])}</p>",
        f"<nav>{''.join(variables + links)}<span class=right>Last {minutes} minutes</span></nav>",
        "</header>",
        *(_panel(p, found.get(p["id"], ()), start, end) for p in dashboard["panels"]),
    ]
    html = f"<!doctype html><meta charset=utf-8><style>{STYLE}body{{height:{height}px}}</style>"
    return html + "".join(body), height


def _panel(panel: Mapping[str, Any], found: Sequence[Found], start: float, end: float) -> str:
    place = panel["gridPos"]
    column = (WIDTH - 2 * GAP) / COLUMNS
    left, top = GAP + place["x"] * column, HEAD + place["y"] * (CELL + GAP)
    wide, high = int(place["w"] * column - GAP), place["h"] * (CELL + GAP) - GAP
    at = f"left:{left:.0f}px;top:{top}px;width:{wide}px;height:{high}px"
    if panel["type"] == "row":
        return f'<div class=row style="{at}">{escape(panel["title"])}</div>'
    view = View(panel, wide, high, start, end)
    numbers = [f for f in found if not math.isnan(f.last)]
    if numbers:
        content = _CONTENT[panel["type"]](view, numbers)
    else:
        nothing = escape(view.defaults.get("noValue", "No data"))
        content = (
            f'<div class=value style="font-size:22px;color:#9fa7b3;bottom:40%">{nothing}</div>'
        )
    if panel["options"].get("colorMode") == "background" and numbers:
        at += f";background:{view.color(numbers[0].last)};color:#fff"
    return f'<div class=panel style="{at}"><h2>{escape(panel["title"])}</h2>{content}</div>'


def legend_of(template: str, labels: Labels) -> str:
    """`{{type}}` of a legend, filled in; `__auto` is all labels."""
    if template == "__auto":
        named = (f"{name}={value}" for name, value in sorted(labels.items()))
        return ", ".join(named) or "Value"
    text = template
    for part in template.split("{{")[1:]:
        name = part.split("}}")[0]
        text = text.replace(f"{{{{{name}}}}}", labels.get(name, ""))
    return text.strip() or "Value"
