"""Random studies come out as those of the package mfgqc 0.3.1.

The package brings pandas, scikit-learn and matplotlib along: its figures stand here instead. A row:
seed; pooled; p of the interaction; by variance EV, AV by operator, interaction, GRR, PV; by range
EV, AV, GRR, PV.
"""

from random import Random

import pytest

from station.rig.study import anova, ranges
from station.rig.study.anova import INTERACTION
from station.rig.study.crossed import Crossed

ROWS = (
    (
        1,
        True,
        0.508143892,
        0.587982662,
        0.300927424,
        0,
        0.660515652,
        4.99114936,
        0.5984804,
        0.299540967,
        0.66925599,
        4.821895,
    ),
    (
        2,
        True,
        0.845199886,
        0.664554989,
        0,
        0,
        0.664554989,
        4.11462863,
        0.896539,
        0,
        0.896539,
        4.16779925,
    ),
    (
        3,
        True,
        0.655956004,
        0.537428334,
        0.475646163,
        0,
        0.71768272,
        4.77921647,
        0.551413333,
        0.474751151,
        0.727629933,
        4.40745233,
    ),
    (
        4,
        False,
        0.116675276,
        0.396859197,
        0.046898235,
        0.263566353,
        0.478710653,
        4.80353134,
        0.444577,
        0.10746793,
        0.45738175,
        4.593305,
    ),
    (
        5,
        False,
        0.103826237,
        0.437413937,
        0.408694204,
        0.285965366,
        0.663429043,
        5.35504313,
        0.388662,
        0.442316397,
        0.588814016,
        4.401597,
    ),
    (
        6,
        True,
        0.262280208,
        0.519432739,
        0.201912308,
        0,
        0.557296107,
        3.62656347,
        0.492333333,
        0.186552333,
        0.526492055,
        3.819285,
    ),
    (
        12,
        False,
        0.201913966,
        0.534791756,
        0,
        0.177766319,
        0.56356285,
        10.2054023,
        0.541566667,
        0,
        0.541566667,
        8.78398156,
    ),
    (
        14,
        False,
        0.124981113,
        0.462803954,
        0,
        0.295519004,
        0.549107441,
        3.39508196,
        0.496272,
        0,
        0.496272,
        3.595935,
    ),
)


def study(seed: int) -> Crossed:
    """Return the readings that a seed stands for, in the order in which the package got them."""
    chance = Random(seed)
    parts, operators, trials = chance.randint(3, 10), chance.choice((2, 3)), chance.choice((2, 3))
    readings = {}
    for part in range(parts):
        for operator in range(operators):
            middle = 100 * part * (7 * part % 5) + 60 * operator * (seed % 2)
            readings[str(part), str(operator)] = tuple(
                (middle + chance.randint(-90, 90)) / 100 for _ in range(trials)
            )
    return Crossed.of(readings)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"seed {row[0]}")
def test_random_studies_equal_those_of_mfgqc(row: tuple[float, ...]) -> None:
    seed, pooled, p, *expected = row
    readings = study(int(seed))
    found = anova.analyse(readings)
    assert found.pooled is bool(pooled)
    assert found.lines[INTERACTION].p == pytest.approx(p, rel=1e-7)
    by_range = ranges.analyse(readings).components
    parts = found.components
    made = [parts.repeatability, parts.operator, parts.interaction, parts.grr, parts.part]
    assert made == pytest.approx(expected[:5], rel=1e-7, abs=1e-9)
    made = [by_range.repeatability, by_range.reproducibility, by_range.grr, by_range.part]
    assert made == pytest.approx(expected[5:], rel=2e-4, abs=1e-9)


def test_the_rows_have_studies_with_and_without_interaction() -> None:
    assert [row[1] for row in ROWS].count(True) == len(ROWS) // 2
