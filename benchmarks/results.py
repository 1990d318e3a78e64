"""Measured figures, their bounds, and how both are told."""

from collections.abc import Iterable, Sequence
from statistics import median
from typing import Any, NamedTuple

_PARTS = {"s": 1.0, "ms": 1e3, "µs": 1e6}


class Bound(NamedTuple):
    """The bound that a figure has to keep to."""

    figure: float
    unit: str
    at_least: bool

    def holds(self, value: float) -> bool:
        return value >= self.figure if self.at_least else value <= self.figure

    def __str__(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.figure:g} {self.unit}"


def at_least(figure: float, unit: str = "×") -> Bound:
    return Bound(figure, unit, at_least=True)


def at_most(figure: float, unit: str = "×") -> Bound:
    return Bound(figure, unit, at_least=False)


class Series(NamedTuple):
    """The values of one side, one for each pair, in `unit`."""

    label: str
    unit: str
    values: Sequence[float]

    def as_data(self) -> dict[str, Any]:
        return {
            "label": self.label,
            "unit": self.unit,
            "median": self.median,
            "values": [*self.values],
        }

    @property
    def median(self) -> float:
        return median(self.values)

    def __str__(self) -> str:
        low, high = _figure(min(self.values)), _figure(max(self.values))
        spread = f" [{low} … {high}]" if len(self.values) > 1 else ""
        return f"{self.label} {_figure(self.median)}{spread} {self.unit}".rstrip()


def seconds(label: str, values: Iterable[float]) -> Series:
    """Durations in the unit in which they are read best."""
    taken = list(values)
    middle = median(taken)
    unit = "s" if middle >= 1 else "ms" if middle >= 1e-3 else "µs"
    return Series(label, unit, [value * _PARTS[unit] for value in taken])


class Result(NamedTuple):
    """One figure against its bound. Without either: not measured, and `remark` says why."""

    name: str
    title: str
    value: float | None
    bound: Bound | None
    series: tuple[Series, ...] = ()
    remark: str = ""

    @property
    def verdict(self) -> str:
        if self.value is None or self.bound is None:
            return "NOT MEASURED"
        return "OK" if self.bound.holds(self.value) else "SHORT"

    @property
    def shown(self) -> str:
        if self.value is None or self.bound is None:
            return "–"
        return f"{_figure(self.value)} {self.bound.unit}"

    def as_data(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "value": self.value,
            "bound": self.bound and self.bound._asdict(),
            "verdict": self.verdict,
            "remark": self.remark,
            "series": [one.as_data() for one in self.series],
        }

    def __str__(self) -> str:
        told = "; ".join([*map(str, self.series), *([self.remark] if self.remark else [])])
        return f"{self.name:20} {self.shown:>9}  {self.bound or '–'!s:9}  {self.verdict:5}  {told}"


class Note(NamedTuple):
    """A figure seen beside the others, without a bound."""

    name: str
    title: str
    series: tuple[Series, ...]

    def as_data(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "title": self.title,
            "series": [one.as_data() for one in self.series],
        }

    def __str__(self) -> str:
        return f"{self.name:20} {self.title}: {'; '.join(map(str, self.series))}"


def _figure(value: float) -> str:
    """Three digits that mean something, and never an exponent."""
    if value == 0 or abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
