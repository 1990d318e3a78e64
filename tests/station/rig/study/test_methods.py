"""Tests of any gauge study, with readings of any kind."""

import math
from collections.abc import Mapping, Sequence
from itertools import combinations, product
from random import Random
from statistics import fmean, variance

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from station.rig.study import anova, ranges
from station.rig.study.anova import ERROR, INTERACTION, OPERATOR, PART
from station.rig.study.components import Components
from station.rig.study.crossed import Cell, Crossed, StudyError
from station.rig.study.distributions import f_above
from tests.station.rig.study.published import Readings, aiag


@st.composite
def studies(draw: st.DrawFn) -> Readings:
    """Return readings with two decimals of 2 to 4 parts, 2 or 3 operators, 2 or 3 trials."""
    parts, operators, trials = (
        draw(st.integers(2, 4)),
        draw(st.integers(2, 3)),
        draw(st.sampled_from((2, 3))),
    )
    hundredths = st.integers(-10_000, 10_000)
    return {
        (f"p{part}", f"o{operator}"): tuple(draw(hundredths) / 100 for _ in range(trials))
        for part, operator in product(range(parts), range(operators))
    }


def both(readings: Mapping[Cell, Sequence[float]]) -> list[Components]:
    study = Crossed.of(readings)
    return [ranges.analyse(study).components, anova.analyse(study).components]


def figures(found: Components) -> list[float]:
    return [found.repeatability, found.reproducibility, found.part, found.grr, found.total]


@settings(max_examples=20, deadline=None)
@given(studies(), st.randoms(use_true_random=False))
def test_order_of_parts_operators_and_trials_does_not_matter(
    readings: Readings, chance: Random
) -> None:
    cells = list(readings)
    chance.shuffle(cells)
    turned = {cell: tuple(chance.sample(readings[cell], len(readings[cell]))) for cell in cells}
    assert both(turned) == both(readings)


@settings(max_examples=20, deadline=None)
@given(studies(), st.integers(-100_000, 100_000))
def test_an_offset_of_all_readings_changes_nothing(readings: Readings, hundredths: int) -> None:
    moved = {
        cell: tuple((round(one * 100) + hundredths) / 100 for one in taken)
        for cell, taken in readings.items()
    }
    assert both(moved) == both(readings)


@settings(max_examples=20, deadline=None)
@given(studies(), st.sampled_from((0.001, 0.5, 3.0, 1000.0)))
def test_deviations_go_with_the_unit_and_shares_stay(readings: Readings, factor: float) -> None:
    scaled = {cell: tuple(one * factor for one in taken) for cell, taken in readings.items()}
    for before, after in zip(both(readings), both(scaled), strict=True):
        size = max(figures(before)) * 1e-6
        expected = [one * factor for one in figures(before)]
        assert figures(after) == pytest.approx(expected, rel=1e-6, abs=size * factor)
        assert after.grr_percent == pytest.approx(before.grr_percent, rel=1e-6, abs=1e-6)


@settings(max_examples=20, deadline=None)
@given(studies())
def test_the_sums_of_squares_add_up_and_equal_those_of_another_way(readings: Readings) -> None:
    lines = anova.analyse(Crossed.of(readings)).lines
    every = [one for taken in readings.values() for one in taken]
    whole = variance(every) * (len(every) - 1)
    assert sum(one.sum_of_squares for one in lines.values()) == pytest.approx(
        whole, rel=1e-9, abs=1e-9
    )
    within = [variance(taken) for taken in readings.values()]
    assert lines[ERROR].mean_square == pytest.approx(fmean(within), rel=1e-9, abs=1e-12)
    # by pairs: a contrast of four cell means is free of part and operator
    parts = sorted({part for part, _ in readings})
    operators = sorted({operator for _, operator in readings})
    trials = len(next(iter(readings.values())))
    means = {cell: fmean(taken) for cell, taken in readings.items()}
    contrasts = [
        (means[a, c] - means[a, d] - means[b, c] + means[b, d]) ** 2
        for a, b in combinations(parts, 2)
        for c, d in combinations(operators, 2)
    ]
    squares = trials * sum(contrasts) / (len(parts) * len(operators))
    assert lines[INTERACTION].sum_of_squares == pytest.approx(squares, rel=1e-9, abs=1e-9)
    for source, names, number in ((PART, parts, 0), (OPERATOR, operators, 1)):
        of_each = [fmean(means[cell] for cell in means if cell[number] == one) for one in names]
        spread = variance(of_each) * len(every) / len(names)
        assert lines[source].mean_square == pytest.approx(spread, rel=1e-9, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(studies())
def test_intervals_of_any_study_are_in_order_and_a_share_is_at_most_all(readings: Readings) -> None:
    study = Crossed.of(readings)
    found = anova.intervals(study, anova.analyse(study), draws=200)
    for name, (low, high) in found.items():
        assert 0 <= low <= high, name
    assert found["grr_percent"].high <= 100 + 1e-9


def test_intervals_of_aiags_study_hold_the_values() -> None:
    study = Crossed.of(aiag())
    found = anova.analyse(study)
    held = anova.intervals(study, found)
    for name in ("repeatability", "reproducibility", "part", "grr", "total", "grr_percent"):
        low, high = held[name]
        assert low < getattr(found.components, name) < high
    low, high = held["ndc"]
    assert low < found.components.ndc_exact < high


def test_intervals_hold_a_known_truth_as_often_as_they_say() -> None:
    """Forty benches of known spread: fewer than 33 intervals of 95 % have a chance of 1e-3."""
    chance = Random(20260112)
    held = 0
    for _ in range(40):
        of_part = [chance.gauss(0, 1.0) for _ in range(8)]
        of_operator = [chance.gauss(0, 0.2) for _ in range(3)]
        readings = {
            (str(p), str(o)): tuple(
                of_part[p] + of_operator[o] + chance.gauss(0, 0.3) for _ in range(3)
            )
            for p in range(8)
            for o in range(3)
        }
        study = Crossed.of(readings)
        low, high = anova.intervals(study, anova.analyse(study), draws=400)["grr"]
        held += low <= math.hypot(0.2, 0.3) <= high
    assert held >= 33


def test_no_interaction_at_all_is_no_division_by_zero() -> None:
    readings = {
        ("1", "X"): (1.0, 1.2), ("2", "X"): (2.0, 2.2),
        ("1", "Y"): (1.3, 1.5), ("2", "Y"): (2.3, 2.5),
    }  # fmt: skip
    found = anova.analyse(Crossed.of(readings))
    assert found.lines[INTERACTION].mean_square == 0
    assert found.lines[PART].f is None
    assert found.lines[INTERACTION].p == 1
    assert found.pooled
    assert found.variances.repeatability == pytest.approx(0.08 / 5)


def test_readings_that_are_all_equal_vary_by_nothing() -> None:
    readings = {(part, who): (5.0, 5.0) for part in "12" for who in "XY"}
    for found in both(readings):
        assert figures(found) == [0, 0, 0, 0, 0]
        assert found.grr_percent == 0
        assert found.ndc == 0
        assert not found.tells_parts_apart


def test_a_measuring_without_any_spread_tells_any_number_of_parts_apart() -> None:
    readings = {(part, who): (float(part),) * 2 for part in "12" for who in "XY"}
    for found in both(readings):
        assert found.grr == 0
        assert found.ndc is None
        assert found.tells_parts_apart


@pytest.mark.parametrize(
    ("readings", "why"),
    [
        ({}, "at least 2 parts; there are 0"),
        ({("1", "A"): (1.0, 2.0)}, "at least 2 parts; there are 1"),
        ({("1", "A"): (1.0, 2.0), ("2", "A"): (1.0, 2.0)}, "at least 2 operators; there are 1"),
        ({(p, o): (1.0,) for p in "12" for o in "AB"}, "at least 2 trials of each; there are 1"),
        (
            {("1", "A"): (1.0, 2.0), ("1", "B"): (1.0, 2.0), ("2", "A"): (1.0, 2.0)},
            "part 2, operator B: 0 of 2 readings",
        ),
        (
            {(p, o): (1.0, math.nan) for p in "12" for o in "AB"},
            "part 1, operator A: a reading is not a number",
        ),
    ],
)
def test_what_is_no_crossed_study_is_refused_with_the_reason(readings: Readings, why: str) -> None:
    with pytest.raises(StudyError) as refused:
        Crossed.of(readings)
    assert why in str(refused.value)


def test_range_method_refuses_what_aiags_tables_do_not_hold() -> None:
    readings = {(p, o): (1.0, 2.0, 3.0, 4.0) for p in "12" for o in "AB"}
    with pytest.raises(StudyError, match="no constant for 4 trials"):
        ranges.analyse(Crossed.of(readings))
    assert anova.analyse(Crossed.of(readings)).components.part == 0


def test_constants_of_the_range_method_follow_from_the_normal_distribution() -> None:
    """1/d2 of many ranges, 1/d2* of one: root of the mean squared range (Duncan, d2*)."""
    step = 0.1
    grid = [step * number for number in range(-70, 71)]
    below = [0.5 * (1 + math.erf(x / math.sqrt(2))) for x in grid]
    for number, constant in ranges.K1.items():
        d2 = step * sum(1 - p**number - (1 - p) ** number for p in below)
        assert 1 / d2 == pytest.approx(constant, abs=6e-5)
    for number, constant in ranges.K3.items():
        squared = 0.0
        for at, low in enumerate(below):
            rest = below[at:]
            inner = [
                1 - high**number - (1 - low) ** number + (high - low) ** number for high in rest
            ]
            squared += step * step * (sum(inner) - inner[0] / 2)
        assert 1 / math.sqrt(2 * squared) == pytest.approx(constant, abs=3e-4)


@pytest.mark.parametrize(
    ("f", "above", "below", "p"),
    [  # NIST handbook, 1.3.6.7.3: upper critical values of the F distribution
        (161.448, 1, 1, 0.05), (4.965, 1, 10, 0.05), (2.978, 10, 10, 0.05),
        (10.044, 1, 10, 0.01), (1.748, 20, 60, 0.05), (2.198, 20, 60, 0.01),
        (0.0, 3, 7, 1.0),
    ],
)  # fmt: skip
def test_chance_of_a_larger_f_is_that_of_the_tables(
    f: float, above: int, below: int, p: float
) -> None:
    assert f_above(f, above, below) == pytest.approx(p, rel=2e-3)


def test_no_f_is_negative() -> None:
    with pytest.raises(ValueError, match="ratio of squares"):
        f_above(-0.1, 2, 3)
