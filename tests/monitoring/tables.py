"""A table panel: one row for each set of labels, one column for each query."""

from collections.abc import Mapping, Sequence
from html import escape

from tests.monitoring.units import shown
from tests.monitoring.visuals import Found, View

VALUE = "Value"


def table(view: View, found: Sequence[Found]) -> str:
    organize = view.json["transformations"][-1]["options"]
    order, names = organize["indexByName"], organize["renameByName"]
    rows = _rows(view, found, organize["excludeByName"])
    columns = [c for c in sorted(order, key=order.__getitem__) if any(c in row for row in rows)]
    rows.sort(key=lambda row: _rank(row, columns))
    body = [
        "".join(_cell(view, names.get(c, c), c, row.get(c, "")) for c in columns)
        for row in rows[: (view.high - 66) // 28]
    ]
    heads = "".join(
        f"<th{' class=number' if c.startswith(VALUE) else ''}>{escape(names.get(c, c))}</th>"
        for c in columns
    )
    return f"<table><tr>{heads}</tr>{''.join(f'<tr>{cells}</tr>' for cells in body)}</table>"


def _rows(view: View, found: Sequence[Found], hidden: Mapping[str, bool]) -> list[dict[str, str]]:
    rows: dict[tuple[tuple[str, str], ...], dict[str, str]] = {}
    for one in found:
        labels = {k: v for k, v in one.labels.items() if not hidden.get(k)}
        several = len(view.json["targets"]) > 1
        column = f"{VALUE} #{chr(ord('A') + one.query)}" if several else VALUE
        cells = rows.setdefault(tuple(sorted(labels.items())), dict(labels))
        if not hidden.get(column):
            cells[column] = f"{one.last}"
    return list(rows.values())


def _rank(row: Mapping[str, str], columns: Sequence[str]) -> tuple[float, str]:
    """Large values first; without values by the first column."""
    values = [float(row[c]) for c in columns if c.startswith(VALUE) and c in row]
    return (-values[0] if values else 0.0, row.get(columns[0], ""))


def _cell(view: View, name: str, column: str, text: str) -> str:
    if not column.startswith(VALUE):
        return f"<td>{escape(text)}</td>"
    own = {
        p["id"]: p["value"]
        for override in view.json["fieldConfig"]["overrides"]
        if override["matcher"]["options"] == name
        for p in override["properties"]
    }
    unit = own.get("unit", view.defaults["unit"])
    decimals = own.get("decimals", view.defaults.get("decimals"))
    value = shown(float(text), unit, decimals) if text else ""
    return f"<td class=number>{escape(value)}</td>"
