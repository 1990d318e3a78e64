"""Factors that make the meters of a screen's zones alike and right."""

import math
from collections.abc import Sequence
from statistics import fmean, stdev
from typing import NamedTuple

from station.rig.calibrating.figures import CalibrationError

BETWEEN = (0.1, 10.0)
"""Factors beyond these are no calibration: a meter is covered, or broken."""


class Factors(NamedTuple):
    """One factor for each zone, and how far the zones still differ, in percent (k = 2)."""

    factors: tuple[float, ...]
    uncertainty_percent: float


def zone_factors(
    before: Sequence[float],
    readings_lux: Sequence[Sequence[float]],
    references_lux: Sequence[float],
    reference_percent: float,
) -> Factors:
    """Return the factors with which the mean of each zone's readings is its reference.

    `before` are the factors that the readings were taken with, `readings_lux` at least two of all
    zones under the same light, `references_lux` one for each zone; `reference_percent` is the
    uncertainty of a reference against the others (k = 2). Raises `CalibrationError`.
    """
    zones = len(references_lux)
    if len(readings_lux) < 2:
        raise CalibrationError("at least two readings of each zone are needed")
    if any(len(one) != zones for one in (before, *readings_lux)):
        raise CalibrationError(f"there are {zones} references, and not as many zones")
    found, worst = [], 0.0
    for zone, reference in enumerate(references_lux):
        taken = [one[zone] for one in readings_lux]
        middle = fmean(taken)
        if not (math.isfinite(reference) and reference > 0 and middle > 0):
            raise CalibrationError(f"zone {zone + 1}: {middle:g} lx read, reference {reference:g}")
        factor = before[zone] * reference / middle
        if not BETWEEN[0] < factor < BETWEEN[1]:
            raise CalibrationError(
                f"zone {zone + 1}: a factor of {factor:.3g} is no calibration: look for what covers"
                " the meter"
            )
        found.append(factor)
        worst = max(worst, stdev(taken) / math.sqrt(len(taken)) / middle)
    return Factors(tuple(found), math.hypot(reference_percent, 200.0 * worst))
