"""The ratings on a device's label, and whether those that were typed can be true.

Nameplates are dangerous when they are mistyped: an adapter is loaded by what its label says. Volts
and amperes have to agree with the watts that are printed, within the rounding of the label. Where
none are printed, volts and amperes are typed twice.
"""

import contextlib
import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from records.toml.tables import suggest
from station.engine.library.tables import Rating, Told

_NUMBER = re.compile(r"[0-9]+(?:[.,][0-9]+)?|[.,][0-9]+")

COARSEST_V = 0.05
COARSEST_A = 0.05
COARSEST_W = 0.5
"""The most that a printed figure is off by rounding: "20 V" is not anything from 19.5 to 20.5 V."""


class Unknown(Exception):
    """Ratings that have not been told."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = tuple(names)
        super().__init__(", ".join(self.names))


class Label:
    """The known ratings of a device's nameplate.

    Raises `LookupError` for a rating that there is not, and `ValueError` for what cannot be.
    """

    def __init__(self, ratings: Mapping[str, Rating], told: Mapping[str, Any]) -> None:
        self._ratings = ratings
        self._told: dict[str, Told] = {}
        for name, value in told.items():
            if name not in ratings:
                raise LookupError(f"no rating {name!r}; {suggest(name, ratings)}")
            try:
                self._told[name] = ratings[name].check(value)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from error

    def value(self, name: str) -> Told:
        """Return a rating. Raises `Unknown`."""
        if not (factors := self._ratings[name].product):
            if name not in self._told:
                raise Unknown([name])
            return self._told[name]
        if missing := [factor for factor in factors if factor not in self._told]:
            raise Unknown(missing)
        product = 1.0
        for factor in factors:
            product *= self.number(factor)
        return product

    def number(self, name: str) -> float:
        """Return a rating that is a number. Raises `Unknown`."""
        value = self.value(name)
        if not isinstance(value, float):
            raise TypeError(f"{name} is no number")
        return value

    def known(self) -> dict[str, Told]:
        """Return every rating that is known, in the order of the equipment file."""
        found = {}
        for name in self._ratings:
            with contextlib.suppress(Unknown):
                found[name] = self.value(name)
        return found


class Typed(NamedTuple):
    """A figure as typed from a label: its value, and half of its last digit."""

    value: float
    half_digit: float

    @classmethod
    def of(cls, text: str) -> "Typed":
        """Read a figure with a point or a comma. Raises `ValueError`."""
        if not _NUMBER.fullmatch(text := text.strip()):
            raise ValueError(f"{text!r} is not a figure such as 19.5")
        digits = text.replace(",", ".")
        decimals = len(digits.partition(".")[2])
        return cls(float(digits), 0.5 * 10.0**-decimals)


def disagreement(volts: str, amperes: str, watts: str) -> str:
    """Return why the figures of one label cannot all be true; empty when they agree.

    Each is as it was typed, and as exact as its last digit, but never coarser than `COARSEST_…`.
    Raises `ValueError` for one that is no figure.
    """
    v, a, w = Typed.of(volts), Typed.of(amperes), Typed.of(watts)
    off_v, off_a = min(v.half_digit, COARSEST_V), min(a.half_digit, COARSEST_A)
    off_w = min(w.half_digit, COARSEST_W)
    least_w = (v.value - off_v) * (a.value - off_a)
    most_w = (v.value + off_v) * (a.value + off_a)
    if least_w <= w.value + off_w and w.value - off_w <= most_w:
        return ""
    return (
        f"{v.value:g} V × {a.value:g} A are {v.value * a.value:.1f} W, and {w.value:g} W are typed:"
        " read the label of the output again"
    )


def differs(first: str, again: str) -> bool:
    """Return whether two typings of one figure differ in value. Raises `ValueError`."""
    return Typed.of(first).value != Typed.of(again).value
