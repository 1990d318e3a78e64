"""Extremes and distances of uncertain numbers: where first order is not enough.

The lowest of nine readings with errors of their own is too low, and the highest too high: nine
sensors within ± 10 % see a screen that is even as 85 % even. A distance from a point that is met is
never negative, so that every error lengthens it. What such a number is off by, is drawn: the causes
are varied (JCGM 101), and bias and spread together are its uncertainty. The draws are seeded: the
same readings give the same number.
"""

import math
from collections.abc import Callable, Sequence
from random import Random

from drivers.uncertain import ROOT_3, Cause, Uncertain, mean, standard_uncertainty

EXTREME = "extreme of several readings"
DISTANCE = "distance near zero"
DRAWS = 500
"""Draws of the causes: the spread is known to 3 %, and takes a few milliseconds."""

Point = tuple[float, float]


def drawn(
    function: Callable[[Sequence[float]], float],
    values: Sequence[float],
    kind: str,
    *,
    around: Sequence[float] | None = None,
    draws: int = DRAWS,
    seed: int = 1,
) -> float:
    """Return `function(values)` with what varying the causes does to it: bias and spread.

    The causes vary around the values, or `around` others that are as likely.
    A value of unknown uncertainty leaves the result without causes.
    """
    found = function([float(one) for one in values])
    known = [one for one in values if isinstance(one, Uncertain)]
    if not _all_known(values):
        return found
    causes = list(dict.fromkeys(cause for one in known for cause in one.moves))
    place = {cause: number for number, cause in enumerate(causes)}
    middles = [float(one) for one in (values if around is None else around)]
    from_here = function(middles)
    rows = [
        (middle, [(place[c], m) for c, m in one.moves.items()])
        for middle, one in zip(middles, known, strict=True)
    ]
    chance = Random(seed)
    errors: list[float] = []
    for _ in range(draws):
        by = [
            chance.uniform(-ROOT_3, ROOT_3) if cause.rectangular else chance.gauss(0.0, 1.0)
            for cause in causes
        ]
        varied = [value + sum(move * by[at] for at, move in moves) for value, moves in rows]
        errors.append(function(varied) - from_here)
    bias = math.fsum(errors) / draws
    deviation = math.sqrt(math.fsum((one - bias) ** 2 for one in errors) / (draws - 1))
    return Uncertain(found, {Cause(kind): math.hypot(bias, deviation)})


def _all_known(values: Sequence[float]) -> bool:
    return all(standard_uncertainty(one) is not None for one in values)


def evenness(values: Sequence[float]) -> float:
    """Return the lowest over the highest of readings; 0 where there is no light at all.

    What all share cancels; what each has of its own makes the quotient too low.
    """
    return drawn(_lowest_over_highest, values, EXTREME, around=_levelled(values))


def _levelled(values: Sequence[float]) -> list[float]:
    """Return readings of which those that may be the extreme lie at one level, their mean.

    Readings have their errors already, and look less even than what they are readings of: to vary
    them once more would find too small a bias.
    """
    level = [float(one) for one in values]
    for extreme in (max(values), min(values)):
        near = [n for n, one in enumerate(values) if _may_be_equal(one, extreme)]
        middle = math.fsum(float(values[n]) for n in near) / len(near)
        for n in near:
            level[n] = middle
    return level


def _may_be_equal(one: float, other: float) -> bool:
    apart = one - other
    sure = standard_uncertainty(apart)
    return one is other or sure is None or abs(apart) <= 4 * sure


def _lowest_over_highest(values: Sequence[float]) -> float:
    return max(0.0, min(values)) / max(values) if max(values) > 0 else 0.0


def span(values: Sequence[float]) -> float:
    """Return the highest less the lowest of readings.

    Where the order of the readings is beyond doubt the causes stay those of the two; else, as for
    an output that does not move at all, they are drawn.
    """
    plain = _span(values)
    if not _all_known(values):
        return plain
    difference = max(values) - min(values)
    if isinstance(difference, Uncertain) and difference >= 4 * difference.standard > 0:
        return difference
    return drawn(_span, values, EXTREME, around=_levelled(values))


def _span(values: Sequence[float]) -> float:
    return float(max(values)) - float(min(values))


def lowest(values: Sequence[float]) -> float:
    """Return the lowest of readings, with the bias of a lowest one in its uncertainty."""
    return _extreme(values, min)


def highest(values: Sequence[float]) -> float:
    """Return the highest of readings, with the bias of a highest one in its uncertainty."""
    return _extreme(values, max)


def _extreme(values: Sequence[float], choose: Callable[[Sequence[float]], float]) -> float:
    """Choose one reading. What it has in common with the others stays; the rest is drawn."""
    chosen = choose(values)
    if len(values) < 2 or not _all_known(values):
        return chosen if len(values) < 2 else float(chosen)
    middle = mean(values)
    if not isinstance(middle, Uncertain) or not isinstance(chosen, Uncertain):
        return chosen
    own = [one - middle for one in values]
    rest = drawn(choose, own, EXTREME, around=_levelled(own))
    common = {
        cause: move
        for cause, move in chosen.moves.items()
        if all(cause in one.moves for one in values if isinstance(one, Uncertain))
    }
    more = rest.moves if isinstance(rest, Uncertain) else {}
    return Uncertain(chosen, {**common, **more})


def distance(a: Point, b: Point) -> float:
    """Return the distance of two points of a plane, each with uncertain coordinates.

    Far from zero it is of first order; nearer than four standard uncertainties it is drawn.
    """
    across, up = a[0] - b[0], a[1] - b[1]
    plain = math.hypot(across, up)
    parts = [one for one in (across, up) if isinstance(one, Uncertain)]
    if len(parts) < 2:
        return plain
    if plain:
        moves: dict[Cause, float] = {}
        for part in parts:
            for cause, move in part.moves.items():
                moves[cause] = moves.get(cause, 0.0) + float(part) / plain * move
        if plain >= 4 * math.hypot(*moves.values()):
            return Uncertain(plain, moves)
    return drawn(lambda these: math.hypot(*these), parts, DISTANCE)
