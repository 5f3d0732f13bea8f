"""Values as Grafana writes them, for the units that the dashboards use."""

import math

_SCALES: dict[str, tuple[tuple[float, str], ...]] = {
    "short": ((1e9, " Bil"), (1e6, " Mil"), (1e3, " K"), (0.0, "")),
    "ops": ((1e3, "K ops/s"), (0.0, " ops/s")),
    "reqps": ((1e3, "K req/s"), (0.0, " req/s")),
    "s": (
        (86_400.0, " days"),
        (3_600.0, " hours"),
        (60.0, " mins"),
        (1.0, " s"),
        (1e-3, " ms"),
        (0.0, " µs"),
    ),
    "bytes": ((1024.0**3, " GiB"), (1024.0**2, " MiB"), (1024.0, " KiB"), (0.0, " B")),
    "percentunit": ((0.0, "%"),),
}


def shown(value: float, unit: str, decimals: int | None = None) -> str:
    """With three digits, unless `decimals` says how many stand after the point."""
    if math.isnan(value):
        return "NaN"
    if unit == "locale":
        return f"{value:,.{decimals or 0}f}"
    scaled, suffix = _scaled(value, unit)
    places = _places(scaled) if decimals is None else decimals
    text = f"{scaled:.{places}f}"
    if decimals is None and "." in text:
        text = text.rstrip("0").rstrip(".")
    return f"{text}{suffix}"


def _scaled(value: float, unit: str) -> tuple[float, str]:
    if value == 0:
        return 0.0, {"s": " s", "bytes": " B"}.get(unit, _SCALES[unit][-1][1])
    least, suffix = next(scale for scale in _SCALES[unit] if abs(value) >= scale[0])
    if unit == "percentunit":
        return value * 100, suffix
    if unit == "s" and not least:
        return value * 1e6, suffix
    return value / (least or 1.0), suffix


def _places(value: float) -> int:
    if value == 0:
        return 0
    return max(0, min(4, 2 - math.floor(math.log10(abs(value)))))
