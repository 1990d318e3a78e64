"""Say measured values and limits as people read them, on the screen and on pages."""

from math import floor, isfinite, log10

from records.limits import Limit
from records.run import Measurement
from records.words.language import DIGITS, Language, positional
from records.words.phrase import Value

MOST_DECIMALS = 4

FAR = 1e300
"""A value from here on is outside by no number that a float holds."""


def value_text(measurement: Measurement, words: Language) -> str:
    """Return the value with its unit, in the digits that it has earned.

    It is rounded, but never onto the other side of its limit.
    """
    return words.quantity(_number(measurement, words), measurement.unit)


def limit_text(limit: Limit | None, unit: str, words: Language) -> str:
    """Return the limit for a column; its unit only where it differs from that of the value."""
    if limit is None:
        return ""
    other = limit.unit if limit.unit != unit else ""
    if limit.equals is not None:
        return words.text("limit.equals", wanted=words.quantity(_plain(limit.equals, words), other))
    if _is_zero(limit.max) and limit.min is None and not limit.unit:
        return words.text("limit.none")
    low, high = (
        "" if bound is None else words.quantity(words.number(bound), other)
        for bound in (limit.min, limit.max)
    )
    if not low:
        return words.text("limit.at_most", max=high)
    if not high:
        return words.text("limit.at_least", min=low)
    return words.text("limit.between", min=words.number(limit.min or 0.0), max=high)


def failure_text(failed: Measurement, others: list[Measurement], words: Language) -> str:
    """Return in a sentence what a measurement outside its limit says of the device.

    `others` are the measurements of the same step: the sentence may name a key that they list.
    """
    limit = failed.limit
    if limit is None:
        return name_text(failed.name, words)
    values: dict[str, Value] = {one.name: one.value for one in others}
    name = name_text(failed.name, words)
    values |= {"value": value_text(failed, words), "name": name[:1].upper() + name[1:]}
    for bound, figure in (("min", limit.min), ("max", limit.max)):
        if figure is not None:
            values[bound] = words.quantity(words.number(figure), limit.unit)
    if limit.equals is not None:
        values["wanted"] = words.quantity(_plain(limit.equals, words), limit.unit)
    special = f"fail.{failed.name}"
    if not isinstance(failed.value, float | str) and words.has(special):
        values["count"] = int(failed.value)
        if words.fills(special, values):
            return words.text(special, **values)
    return words.text(f"fail.{_way(failed.value, limit)}", **values)


def name_text(name: str, words: Language) -> str:
    """Return what a measurement is called."""
    return words.name("measured", name)


def duration_text(seconds: float) -> str:
    """Return a duration as `m:ss`, with hours when there are any."""
    whole = max(int(seconds), 0)
    minutes, seconds_left = divmod(whole, 60)
    hours, minutes_left = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minutes_left:02}:{seconds_left:02}"
    return f"{minutes}:{seconds_left:02}"


def _way(value: Value, limit: Limit) -> str:
    """Return in which way the value is outside its limit."""
    if limit.equals is not None or isinstance(value, str | bool):
        return "not_equal"
    if limit.min is not None and limit.max is not None:
        return "outside"
    return "too_low" if limit.min is not None else "too_high"


def _number(measurement: Measurement, words: Language) -> str:
    value, limit, verdict = measurement.value, measurement.limit, measurement.verdict
    if not isinstance(value, float) or not isfinite(value):
        return _plain(value, words)
    shown = _rounded(value, measurement.standard_uncertainty)
    if limit is None or verdict is None or isinstance(limit.equals, str):
        return words.written(shown)
    digits = DIGITS
    while limit.judge(float(shown)) is not verdict and digits < 20:
        digits += 1
        shown = positional(value, digits)
    return words.written(shown)


def _plain(value: Value, words: Language) -> str:
    if isinstance(value, float) and isfinite(value):
        return words.written(_rounded(value, None))
    return words.number(value)


def _rounded(value: float, standard_uncertainty: float | None) -> str:
    """Return the digits that a value has earned: two of its uncertainty, or four where unknown."""
    if standard_uncertainty:
        decimals = 1 - floor(log10(standard_uncertainty))
        return f"{round(value, decimals):.{max(decimals, 0)}f}"
    shown = positional(value)
    if len(shown.partition(".")[2]) > MOST_DECIMALS:
        shown = f"{value:.{MOST_DECIMALS}f}"
    return shown


def _is_zero(bound: float | None) -> bool:
    return bound is not None and bound == 0


def excess_text(failed: Measurement, words: Language) -> str:
    """Return by how much a number is outside its limit, with its unit; empty for another value."""
    limit, value = failed.limit, failed.value
    if limit is None or isinstance(value, str | bool) or not abs(value) < FAR:
        return ""
    low, high, equals = limit.min, limit.max, limit.equals
    if isinstance(equals, int | float) and not isinstance(equals, bool):
        low = high = float(equals)
    if low is not None and value < low:
        beyond = low - value
    elif high is not None and value > high:
        beyond = value - high
    else:
        return ""
    shown = _rounded(float(beyond), failed.standard_uncertainty)
    if float(shown) == 0:
        shown = positional(float(beyond), 2)
    return words.quantity(words.written(shown), failed.unit)
