"""The range method: what a sheet of paper can do. See `anova` for the one to prefer."""

import math
from dataclasses import dataclass

from station.rig.study.components import Components
from station.rig.study.crossed import Cell, Crossed, StudyError, exact_mean

K1 = {2: 0.8862, 3: 0.5908}
"""By number of trials: 1/d2, AIAG MSA, 4th edition, form of the GRR study."""

K2 = {2: 0.7071, 3: 0.5231, 4: 0.4467, 5: 0.4030}
K3 = {**K2, 6: 0.3742, 7: 0.3534, 8: 0.3375, 9: 0.3249, 10: 0.3146}
"""By number of operators, and of parts: 1/d2* for one range (the same form; appendix C)."""

D4 = {2: 3.267, 3: 2.575}
"""By number of trials: upper limit of a range in mean ranges, 1 + 3 d3/d2."""


@dataclass(frozen=True)
class Ranges:
    """`mean_range` and the rest are in the unit of the reading.

    `beyond` are the cells whose range is above `range_limit`: a slip, or an operator who handles
    the part in another way. The readings of a cell that is beyond are looked at before all else.
    """

    components: Components
    mean_range: float
    operator_range: float
    part_range: float
    range_limit: float
    beyond: tuple[Cell, ...]


def analyse(study: Crossed) -> Ranges:
    """Return the components by the range method. Raises `StudyError` outside AIAG's tables."""
    of_table = ((K1, study.trials, "trials"), (K2, len(study.operators), "operators"))
    for table, number, what in (*of_table, (K3, len(study.parts), "parts")):
        if number not in table:
            raise StudyError(f"the range method has no constant for {number} {what}")
    ranges = {cell: max(taken) - min(taken) for cell, taken in study.values.items()}
    mean_range = exact_mean(list(ranges.values()))
    of_operators = [exact_mean(study.of_operator(one)) for one in study.operators]
    of_parts = [exact_mean(study.of_part(one)) for one in study.parts]
    operator_range = float(max(of_operators) - min(of_operators))
    part_range = float(max(of_parts) - min(of_parts))
    repeatability = float(mean_range) * K1[study.trials]
    within = repeatability**2 / (len(study.parts) * study.trials)
    between = (operator_range * K2[len(study.operators)]) ** 2
    limit = float(mean_range) * D4[study.trials]
    return Ranges(
        Components(
            repeatability,
            math.sqrt(max(0.0, between - within)),
            part_range * K3[len(study.parts)],
        ),
        float(mean_range),
        operator_range,
        part_range,
        limit,
        tuple(cell for cell, one in ranges.items() if one > limit),
    )
