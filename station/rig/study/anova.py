"""Analysis of variance of a crossed study, with random parts and operators.

Sources: AIAG MSA, 4th edition, appendix A; Montgomery, Design and Analysis of Experiments, on
two-factor factorials with random factors; for the intervals Hamada and Weerahandi, Measurement
System Assessment Via Generalized Inference, Journal of Quality Technology 32 (2000).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from random import Random
from typing import NamedTuple

from station.rig.study.components import Components
from station.rig.study.crossed import Crossed, exact_mean
from station.rig.study.distributions import f_above

POOL_ABOVE_P = 0.25
"""An interaction that is this likely by chance alone counts as repeatability."""

DRAWS = 10_000
CONFIDENCE = 0.95

PART, OPERATOR, INTERACTION, ERROR = "part", "operator", "part x operator", "error"


class Line(NamedTuple):
    """One source of variation: its sum of squares, in the squared unit, and its test.

    `f` and `p` are None where there is nothing to compare with: of the error, and over 0.
    """

    sum_of_squares: float
    freedom: int
    f: float | None = None
    p: float | None = None

    @property
    def mean_square(self) -> float:
        return self.sum_of_squares / self.freedom


class Variances(NamedTuple):
    """Components as they are calculated, in the squared unit: less than 0 is chance, and kept."""

    repeatability: float
    operator: float
    interaction: float
    part: float

    def components(self) -> Components:
        """Return standard deviations, each variance below 0 as 0 before anything is added."""
        error, operator, interaction, part = (math.sqrt(max(0.0, one)) for one in self)
        both = math.hypot(operator, interaction)
        return Components(error, both, part, operator, interaction)


class Interval(NamedTuple):
    low: float
    high: float


@dataclass(frozen=True)
class Anova:
    """`lines` by source, with the interaction; `pooled` where it was counted as repeatability."""

    lines: Mapping[str, Line]
    pooled: bool
    variances: Variances
    components: Components


def analyse(study: Crossed) -> Anova:
    """Return the components; see `intervals` for how well they are known."""
    lines = _lines(study)
    interaction = lines[INTERACTION]
    pooled = interaction.p is not None and interaction.p > POOL_ABOVE_P
    sources = _sources(lines, pooled=pooled)
    variances = _variances(study, *(one.mean_square for one in sources))
    return Anova(lines, pooled, variances, variances.components())


def _squares(study: Crossed) -> dict[str, tuple[Fraction, int]]:
    """Return the exact sum of squares and the degrees of freedom of each source."""
    parts, operators, trials = len(study.parts), len(study.operators), study.trials
    whole = exact_mean([one for taken in study.values.values() for one in taken])
    of_part = {one: exact_mean(study.of_part(one)) for one in study.parts}
    of_operator = {one: exact_mean(study.of_operator(one)) for one in study.operators}
    by_part = sum(((one - whole) ** 2 for one in of_part.values()), Fraction())
    by_operator = sum(((one - whole) ** 2 for one in of_operator.values()), Fraction())
    by_both, by_trial = Fraction(), Fraction()
    for (part, operator), taken in study.values.items():
        middle = exact_mean(taken)
        by_both += (middle - of_part[part] - of_operator[operator] + whole) ** 2
        by_trial += sum((one - middle) ** 2 for one in taken)
    return {
        PART: (by_part * operators * trials, parts - 1),
        OPERATOR: (by_operator * parts * trials, operators - 1),
        INTERACTION: (by_both * trials, (parts - 1) * (operators - 1)),
        ERROR: (by_trial, parts * operators * (trials - 1)),
    }


def _lines(study: Crossed) -> dict[str, Line]:
    squares = {name: Line(float(sum_), free) for name, (sum_, free) in _squares(study).items()}
    against = {PART: INTERACTION, OPERATOR: INTERACTION, INTERACTION: ERROR}
    for name, base in against.items():
        line, below = squares[name], squares[base]
        if below.mean_square:
            f = line.mean_square / below.mean_square
            squares[name] = line._replace(f=f, p=f_above(f, line.freedom, below.freedom))
    return squares


def _sources(lines: Mapping[str, Line], *, pooled: bool) -> tuple[Line, Line, Line, Line]:
    """Return part, operator, interaction and error; pooled, the last two are one and the same."""
    interaction, error = lines[INTERACTION], lines[ERROR]
    if pooled:
        interaction = error = Line(
            interaction.sum_of_squares + error.sum_of_squares, interaction.freedom + error.freedom
        )
    return lines[PART], lines[OPERATOR], interaction, error


def _variances(
    study: Crossed, part: float, operator: float, interaction: float, error: float
) -> Variances:
    """Return the components that these mean squares are expected from."""
    parts, operators, trials = len(study.parts), len(study.operators), study.trials
    return Variances(
        error,
        (operator - interaction) / (parts * trials),
        (interaction - error) / trials,
        (part - interaction) / (operators * trials),
    )


def intervals(study: Crossed, found: Anova, draws: int = DRAWS) -> dict[str, Interval]:
    """Return generalized intervals: each mean square is divided by a drawn χ²/ν.

    They hold with 95 % confidence: standard deviations in the unit of the reading, `grr_percent` in
    percent of the total, and `ndc`. The draws are the same at each call.
    """
    chance = Random("crossed study")
    sources = _sources(found.lines, pooled=found.pooled)
    drawn: dict[str, list[float]] = {}
    for _ in range(draws):
        squares = [
            one.sum_of_squares / (2.0 * chance.gammavariate(one.freedom / 2.0, 1.0))
            for one in sources
        ]
        if found.pooled:
            squares[3] = squares[2]
        parts = _variances(study, *squares).components()
        for name in ("repeatability", "reproducibility", "part", "grr", "total", "grr_percent"):
            drawn.setdefault(name, []).append(getattr(parts, name))
        drawn.setdefault("ndc", []).append(parts.ndc_exact)
    beyond = int((1.0 - CONFIDENCE) / 2.0 * draws)
    return {
        name: Interval(*(sorted(values)[at] for at in (beyond, draws - 1 - beyond)))
        for name, values in drawn.items()
    }
