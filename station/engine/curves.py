"""Figures of limits that follow a curve, by name. Each segment says which texts it comes from.

None of the marks' own texts was at hand for III to V: each figure was read in two secondary texts
that do not copy each other, and they agree. All sources were read in November 2026.

A curve's parameters are the ratings that it needs, by their names in the equipment file. It returns
its figure in the unit of the measurement, or None where its text says nothing.
"""

import inspect
from collections.abc import Callable, Mapping
from math import log

Curve = Callable[..., float | None]

HIGHEST_W = 250.0
"""Of the marks III, IV and V; VI goes on, with figures that have not been read here."""


def level_3_efficiency(*, output_w: float) -> float | None:
    """Return the least average efficiency in % of an adapter that is marked III.

    Source: sunny-euro.com, "Efficiency Level VI", table of levels: up to 1 W 0.49 times the watts,
    above it 0.09 ln + 0.49, 84 % from 49 to 250 W. Second source: the Australian MEPS of AS/NZS
    4665, which mark III stands for, quoted at bbs4.angui.org, thread 1296, table 1: the same.
    """
    if output_w > HIGHEST_W:
        return None
    if output_w <= 1.0:
        return _percent(0.49 * output_w)
    return _percent(0.09 * log(output_w) + 0.49 if output_w <= 49.0 else 0.84)


def level_4_efficiency(*, output_w: float) -> float | None:
    """Return the least average efficiency in % of an adapter that is marked IV.

    Source: sunny-euro.com, "Efficiency Level VI", table of levels: up to 1 W 0.5 times the watts,
    to 51 W 0.09 ln + 0.5, 85 % to 250 W. Second source: the US act EISA 2007, which mark IV stands
    for, quoted at phihongusa.com, "EISA": the same; so has stage 1 of Regulation (EC) 278/2009,
    quoted at cgets.net, college 3077.
    """
    if output_w > HIGHEST_W:
        return None
    if output_w <= 1.0:
        return _percent(0.5 * output_w)
    return _percent(0.09 * log(output_w) + 0.5 if output_w <= 51.0 else 0.85)


def level_5_efficiency(*, output_v: float, output_a: float, output_w: float) -> float | None:
    """Return the least average efficiency in % of an adapter that is marked V.

    Source: btt-lab.com, news 745, table 5 ("High efficiency" performance mark V, for AS/NZS 4665):
    up to 1 W, to 49 W, to 250 W; with figures of its own for less than 6 V and more than 0.55 A.
    Second source: stage 2 of Regulation (EC) 278/2009, quoted at cgets.net, college 3077: the same
    formulas, of which the middle one goes to 51 W there, half a point below 87 % at the most.
    """
    if output_w > HIGHEST_W:
        return None
    if output_v < 6.0 and output_a > 0.55:
        if output_w <= 1.0:
            return _percent(0.497 * output_w + 0.067)
        return _percent(0.075 * log(output_w) + 0.561 if output_w <= 49.0 else 0.86)
    if output_w <= 1.0:
        return _percent(0.48 * output_w + 0.14)
    return _percent(0.0626 * log(output_w) + 0.622 if output_w <= 49.0 else 0.87)


def level_6_efficiency(*, output_v: float, output_a: float, output_w: float) -> float | None:
    """Return the least average efficiency in % of an adapter that is marked VI.

    Source: Regulation (EU) 2019/1782, annex II, table of active efficiency, at legislation.gov.uk,
    whose figures are those of Level VI: up to 1 W, to 49 W, above it; with figures of its own for
    less than 6 V and at least 0.55 A. Second source: sustainability.stackexchange.com, question
    10535, which quotes a maker: the same. Nothing is said here above 250 W.
    """
    if output_w > HIGHEST_W:
        return None
    if output_v < 6.0 and output_a >= 0.55:
        if output_w <= 1.0:
            return _percent(0.517 * output_w + 0.087)
        formula = 0.0834 * log(output_w) - 0.0014 * output_w + 0.609
        return _percent(formula if output_w <= 49.0 else 0.87)
    if output_w <= 1.0:
        return _percent(0.5 * output_w + 0.16)
    formula = 0.071 * log(output_w) - 0.0014 * output_w + 0.67
    return _percent(formula if output_w <= 49.0 else 0.88)


def _percent(efficiency: float) -> float:
    """Return an efficiency in %, to a tenth as results are printed."""
    return round(100.0 * efficiency, 1)


CURVES: Mapping[str, Curve] = {
    curve.__name__: curve
    for curve in (level_3_efficiency, level_4_efficiency, level_5_efficiency, level_6_efficiency)
}
"""Every curve that a limit can name."""


def ratings_of(curve: Curve) -> tuple[str, ...]:
    """Return the names of the ratings that a curve needs."""
    return tuple(inspect.signature(curve).parameters)
