"""The readings of a crossed study: every operator measures every part equally often."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

LEAST = 2
"""The least number of parts, of operators, and of trials: one has no spread."""

Cell = tuple[str, str]
"""A part and an operator."""


class StudyError(ValueError):
    """Tells why no study can be made of some readings."""


@dataclass(frozen=True)
class Crossed:
    """`values` are the trials by part and operator, as exact decimals, in the unit of the reading.

    A float counts as the decimal that it is printed as: 0.1 is one tenth. Sums of squares are then
    exact, and an interaction that is 0 is 0.
    """

    parts: tuple[str, ...]
    operators: tuple[str, ...]
    trials: int
    values: Mapping[Cell, tuple[Fraction, ...]]

    @classmethod
    def of(cls, readings: Mapping[Cell, Sequence[float]]) -> "Crossed":
        """Return the study of these readings. Raises `StudyError` where one is missing."""
        parts = tuple(dict.fromkeys(part for part, _ in readings))
        operators = tuple(dict.fromkeys(operator for _, operator in readings))
        trials = max((len(taken) for taken in readings.values()), default=0)
        for what, number in (("parts", len(parts)), ("operators", len(operators))):
            if number < LEAST:
                raise StudyError(f"a study needs at least {LEAST} {what}; there are {number}")
        if trials < LEAST:
            raise StudyError(f"a study needs at least {LEAST} trials of each; there are {trials}")
        values = {}
        for part in parts:
            for operator in operators:
                taken = readings.get((part, operator), ())
                if len(taken) != trials:
                    raise StudyError(
                        f"part {part}, operator {operator}: {len(taken)} of {trials} readings"
                    )
                try:
                    values[part, operator] = tuple(Fraction(str(float(one))) for one in taken)
                except ValueError:
                    raise StudyError(
                        f"part {part}, operator {operator}: a reading is not a number"
                    ) from None
        return cls(parts, operators, trials, values)

    def of_part(self, part: str) -> list[Fraction]:
        """Return all readings of a part."""
        return [one for operator in self.operators for one in self.values[part, operator]]

    def of_operator(self, operator: str) -> list[Fraction]:
        """Return all readings of an operator."""
        return [one for part in self.parts for one in self.values[part, operator]]


def exact_mean(values: Sequence[Fraction]) -> Fraction:
    """Return the arithmetic mean."""
    return sum(values, Fraction()) / len(values)
