"""The results of a study, in plain English and as JSON."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from station.rig.study import anova, ranges
from station.rig.study.anova import Anova, Interval
from station.rig.study.components import LEAST_CATEGORIES, Components
from station.rig.study.crossed import Crossed, StudyError

ROWS = {
    "repeatability": "repeatability (EV)",
    "reproducibility": "reproducibility (AV)",
    "operator": "  by operator",
    "interaction": "  by part and operator",
    "grr": "both (GRR)",
    "part": "parts (PV)",
    "total": "total (TV)",
}


class Report:
    """A study by both methods; the range method where its tables have the constants."""

    def __init__(self, study: Crossed, quantity: str, tolerance: float | None = None) -> None:
        """`tolerance` is upper minus lower limit, in the unit of the quantity."""
        self._quantity = quantity
        self._tolerance = tolerance
        self._anova = anova.analyse(study)
        self._intervals = anova.intervals(study, self._anova)
        self._ranges: ranges.Ranges | str
        try:
            self._ranges = ranges.analyse(study)
        except StudyError as error:
            self._ranges = str(error)

    def data(self) -> dict[str, Any]:
        """Return all figures. Numbers without a bound are None."""
        found = _data(self._anova.components, self._tolerance)
        found["intervals"] = {
            name: [_bounded(one.low), _bounded(one.high)] for name, one in self._intervals.items()
        }
        found["pooled"] = self._anova.pooled
        found["variances"] = self._anova.variances._asdict()
        found["lines"] = {
            name: {**line._asdict(), "mean_square": line.mean_square}
            for name, line in self._anova.lines.items()
        }
        by_range: dict[str, Any]
        if isinstance(self._ranges, str):
            by_range = {"refused": self._ranges}
        else:
            by_range = _data(self._ranges.components, self._tolerance)
            by_range["range_limit"] = self._ranges.range_limit
            by_range["beyond"] = [list(cell) for cell in self._ranges.beyond]
        return {"quantity": self._quantity, "anova": found, "range": by_range}

    def lines(self) -> Iterator[str]:
        """Yield the report, line by line."""
        yield f"Analysis of variance, {self._quantity} (95 % intervals):"
        yield from _table(self._anova.components, self._intervals)
        if self._anova.pooled:
            yield "  No operator handles some parts otherwise: counted as repeatability."
        yield from self._conclusion(self._anova)
        yield ""
        yield f"Range method, {self._quantity}:"
        if isinstance(self._ranges, str):
            yield f"  {self._ranges}"
            return
        yield from _table(self._ranges.components, {})
        yield f"  distinct categories (ndc): {_categories(self._ranges.components)}"
        for part, operator in self._ranges.beyond:
            yield (
                f"  Part {part}, {operator}: the readings lie further apart than"
                f" {self._ranges.range_limit:.6g}. Look for a slip, or for another way of handling."
            )

    def _conclusion(self, found: Anova) -> Iterator[str]:
        components, low_high = found.components, self._intervals["ndc"]
        share = self._intervals["grr_percent"]
        yield (
            f"  %GRR of the total: {components.grr_percent:.2f} %"
            f" [{share.low:.2f}, {share.high:.2f}]: {components.band}"
        )
        enough = "enough" if components.tells_parts_apart else f"fewer than {LEAST_CATEGORIES}"
        yield (
            f"  distinct categories (ndc): {_categories(components)}"
            f" [{_whole(low_high.low)}, {_whole(low_high.high)}]: {enough}"
        )
        if self._tolerance is not None:
            share_percent = 100 * components.of_tolerance(self._tolerance)
            yield f"  6 GRR of the tolerance {self._tolerance:g}: {share_percent:.2f} %"


def _data(found: Components, tolerance: float | None) -> dict[str, Any]:
    rows = {name: getattr(found, name) for name in ROWS}
    return {
        **rows,
        "percent": {name: found.percent(one) for name, one in rows.items() if one is not None},
        "grr_percent": found.grr_percent,
        "band": found.band,
        "ndc": found.ndc,
        "tells_parts_apart": found.tells_parts_apart,
        "of_tolerance": None if tolerance is None else found.of_tolerance(tolerance),
    }


def _table(found: Components, intervals: Mapping[str, Interval]) -> Iterator[str]:
    for name, title in ROWS.items():
        value = getattr(found, name)
        if value is None:
            continue
        text = f"  {title:<24}{value:>12.6g}{found.percent(value):>9.2f} %"
        if name in intervals:
            text += f"   [{intervals[name].low:.6g}, {intervals[name].high:.6g}]"
        yield text


def _bounded(value: float) -> float | None:
    return None if math.isinf(value) else value


def _whole(value: float) -> str:
    return "no bound" if math.isinf(value) else str(int(value))


def _categories(found: Components) -> str:
    return _whole(found.ndc_exact)
