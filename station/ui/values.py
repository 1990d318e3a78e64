"""Values, limits and times as the operator reads them."""

from math import isfinite

from records import Limit, Measurement, Value, Verdict
from station.ui import text


def value_text(measurement: Measurement) -> str:
    """Return the value with its unit, rounded, but never onto the other side of its limit."""
    number = _number(measurement.value, measurement.limit, measurement.verdict)
    return f"{number} {measurement.unit}" if measurement.unit else number


def limit_text(limit: Limit | None, unit: str, *, tight: bool = False) -> str:
    """Return the limit as an interval; its unit only where it differs from that of the value."""
    if limit is None:
        return ""
    suffix = f" {limit.unit}" if limit.unit and limit.unit != unit else ""
    if limit.equals is not None:
        return f"= {_plain(limit.equals)}{suffix}"
    if limit.min is None:
        return f"≤ {limit.max:g}{suffix}"
    if limit.max is None:
        return f"≥ {limit.min:g}{suffix}"
    between = "…" if tight else " … "
    return f"[{limit.min:g}{between}{limit.max:g}]{suffix}"


def name_text(name: str) -> str:
    return name.replace("_", " ")


def duration_text(seconds: float) -> str:
    """Return a duration as `m:ss`, with hours when there are any."""
    whole = max(int(seconds), 0)
    minutes, seconds_left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes_left:02}:{seconds_left:02}"
    return f"{minutes}:{seconds_left:02}"


def _number(value: Value, limit: Limit | None, verdict: Verdict | None) -> str:
    if not isinstance(value, float) or not isfinite(value):
        return _plain(value)
    if limit is None or verdict is None or isinstance(limit.equals, str):
        return _rounded(value, 4)
    for digits in range(4, 20):
        shown = _rounded(value, digits)
        if limit.judge(float(shown)) is verdict:
            return shown
    return repr(value)


def _plain(value: Value) -> str:
    if isinstance(value, bool):
        return text.YES if value else text.NO
    if isinstance(value, float):
        return _rounded(value, 4) if isfinite(value) else str(value)
    if isinstance(value, int) and abs(value) >= 10**15:
        return hex(value)
    return str(value)


def _rounded(value: float, digits: int) -> str:
    if abs(value) < 1e-3:
        digits -= 2  # next to nothing: its size is enough
    shown = f"{value:.{digits}g}"
    if "e" in shown and 1 <= abs(value) < 1e9:
        return f"{value:.0f}"
    return shown
