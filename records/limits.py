"""Judge a value by the limit that says where it comes from."""

from math import inf, isfinite

import msgspec

from records.verdicts import OpenEnum, Verdict
from records.words import Value


class Basis(OpenEnum):
    """The basis of a limit. Only `SOURCE` may be printed as the text of a standard or a maker."""

    SOURCE = "source"  # read at the place that `source` names
    GENERAL = "general"  # general engineering knowledge, no text at hand
    PROPOSAL = "proposal"  # this project's own proposal


class Limit(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Inclusive bounds, or an exact value.

    `min`, `max` and `uncertainty` are in `unit`. `source` names the document and clause of the
    figure. `uncertainty` is what the limit needs: with a larger expanded uncertainty (k = 2), or
    an unknown one, it is not decided (`records.rules`). None asks for none. `guard` is of older
    records alone: the margin inside the bounds that was called marginal then.
    """

    basis: Basis
    source: str = ""
    unit: str = ""
    min: float | None = None
    max: float | None = None
    equals: bool | int | float | str | None = None
    guard: float = 0.0
    uncertainty: float | None = None

    def judge(self, value: Value) -> Verdict:
        """Return PASS or FAIL. Raises `TypeError` for a value that this cannot be compared with."""
        if self.equals is not None:
            if _sort(value) is not _sort(self.equals):
                raise TypeError(f"{value!r} cannot be compared with {self}")
            return Verdict.PASS if value == self.equals else Verdict.FAIL
        if isinstance(value, str | bool):
            raise TypeError(f"{value!r} is not a number, and {self} needs one")
        too_low = self.min is not None and not value >= self.min
        too_high = self.max is not None and not value <= self.max
        return Verdict.FAIL if too_low or too_high else Verdict.PASS

    def mistake(self) -> str:
        """Return why nothing can be judged by this, in words; empty where all is well."""
        low, high, equals = self.min, self.max, self.equals
        if equals is not None and (low is not None or high is not None):
            return "a limit has either `equals` or bounds, not both"
        if equals is not None and self.uncertainty is not None:
            return "`uncertainty` needs bounds: `equals` is exact"
        if self.uncertainty is not None and not 0 < self.uncertainty < inf:
            return "`uncertainty` is a number above 0"
        if equals is None and low is None and high is None:
            return "a limit needs `min`, `max` or `equals`"
        figures = [one for one in (low, high, equals) if isinstance(one, float)]
        if not all(isfinite(one) for one in figures):
            return "the figures of a limit are numbers"
        if low is not None and high is not None and low > high:
            return f"min {low:g} is above max {high:g}"
        if self.basis is Basis.SOURCE and not self.source.strip():
            return "`basis = 'source'` needs `source`: document and clause"
        return ""

    def __str__(self) -> str:
        unit = f" {self.unit}" if self.unit else ""
        if self.equals is not None:
            return f"= {self.equals}{unit}"
        if self.min is None:
            return f"≤ {self.max:g}{unit}"
        if self.max is None:
            return f"≥ {self.min:g}{unit}"
        return f"{self.min:g} … {self.max:g}{unit}"


def _sort(value: Value) -> type[object]:
    """Return the sort of a value: `True == 1` in Python, and yet one error is not `true`."""
    return type(value) if isinstance(value, str | bool) else float
