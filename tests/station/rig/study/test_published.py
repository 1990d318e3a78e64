"""The two methods give the figures that are printed in the literature."""

import math

import pytest

from station.rig.study import anova, ranges
from station.rig.study.anova import ERROR, INTERACTION, OPERATOR, PART
from station.rig.study.crossed import Crossed
from tests.station.rig.study.published import aiag, thermal_impedance

AIAG = Crossed.of(aiag())
THERMAL = Crossed.of(thermal_impedance())


def close(value: float, places: int) -> object:
    """Return what is equal to a number printed with so many places."""
    return pytest.approx(value, rel=0, abs=0.51 * 10.0**-places)


def test_range_method_gives_the_figures_of_aiags_sheet() -> None:
    found = ranges.analyse(AIAG).components
    printed = (0.20188, 0.22963, 0.30575, 1.10456, 1.14610)
    made = (found.repeatability, found.reproducibility, found.grr, found.part, found.total)
    assert made == pytest.approx(printed, rel=3e-4)  # the sheet rounds on the way
    shares = [found.percent(one) for one in made[:4]]
    assert shares == pytest.approx((17.62, 20.04, 26.68, 96.38), rel=3e-4, abs=0.011)
    assert found.ndc == 5
    assert found.band == "usable"
    assert found.tells_parts_apart


def test_range_method_without_rounding_on_the_way() -> None:
    found = ranges.analyse(AIAG)
    parts = found.components
    made = (parts.repeatability, parts.reproducibility, parts.grr, parts.part, parts.total)
    for value, exact in zip(made, (0.201857, 0.229667, 0.305766, 1.104596, 1.146135), strict=True):
        assert value == close(exact, 6)
    assert parts.ndc_exact == close(5.0937, 4)
    assert found.mean_range == close(0.341667, 6)
    assert found.operator_range == close(0.444667, 6)
    assert found.part_range == close(3.511111, 6)


def test_range_method_points_at_operator_b_with_part_4() -> None:
    found = ranges.analyse(AIAG)
    assert found.range_limit == close(0.880, 3)
    assert found.beyond == (("4", "B"),)


def test_anova_gives_aiags_table() -> None:
    found = anova.analyse(AIAG)
    table = {
        PART: (88.361934, 9, 9.817993, 492.2914),
        OPERATOR: (3.167262, 2, 1.583631, 79.4060),
        INTERACTION: (0.358982, 18, 0.019943, 0.4337),
        ERROR: (2.758933, 60, 0.045982, None),
    }
    for source, (squares, freedom, mean_square, f) in table.items():
        line = found.lines[source]
        assert line.sum_of_squares == close(squares, 6)
        assert line.freedom == freedom
        assert line.mean_square == close(mean_square, 6)
        assert line.f == (None if f is None else close(f, 4))
    assert found.lines[INTERACTION].p == close(0.9741, 4)


def test_anova_pools_aiags_interaction_as_minitab_does() -> None:
    found = anova.analyse(AIAG)
    parts = found.components
    assert found.pooled
    assert parts.interaction == 0
    printed = (0.09143, 0.03997, 0.05146, 1.08645, 1.17788)
    made = (parts.grr, parts.repeatability, parts.reproducibility, parts.part, parts.total)
    for value, variance in zip(made, printed, strict=True):
        assert value**2 == close(variance, 5)
    shares = (parts.grr, parts.repeatability, parts.reproducibility, parts.part)
    for value, percent in zip(shares, (27.86, 18.42, 20.90, 96.04), strict=True):
        assert parts.percent(value) == close(percent, 2)
    assert parts.ndc == 4
    assert not parts.tells_parts_apart


def test_anova_gives_the_thermal_impedance_table() -> None:
    found = anova.analyse(THERMAL)
    squares = {PART: 3935.955556, OPERATOR: 39.266667, INTERACTION: 48.511111, ERROR: 30.666667}
    means = {PART: 437.328395, OPERATOR: 19.633333, INTERACTION: 2.695062, ERROR: 0.511111}
    for source, line in found.lines.items():
        assert line.sum_of_squares == close(squares[source], 6)
        assert line.mean_square == close(means[source], 6)
    for source, f in ((PART, 162.2703), (OPERATOR, 7.2849), (INTERACTION, 5.2729)):
        assert found.lines[source].f == close(f, 4)


def test_anova_keeps_the_interaction_of_the_thermal_impedance_study() -> None:
    found = anova.analyse(THERMAL)
    assert not found.pooled
    for value, variance in zip(
        found.variances, (0.511111, 0.564609, 0.727984, 48.292593), strict=True
    ):
        assert value == close(variance, 6)
    parts = found.components
    assert parts.grr**2 == close(1.803704, 6)
    assert parts.total**2 == close(50.096296, 6)
    assert parts.grr_percent == close(18.975, 3)
    assert math.sqrt(2) * parts.part / parts.grr == close(7.3177, 4)  # printed with √2, not 1.41
    assert parts.ndc == 7
    assert parts.of_tolerance(58 - 18) == close(0.20145, 5)


def test_interval_of_repeatability_is_the_exact_one() -> None:
    # chi-squared with 60 degrees of freedom: 40.482 and 83.298 (NIST handbook, 1.3.6.7.4)
    found = anova.intervals(THERMAL, anova.analyse(THERMAL))["repeatability"]
    exact = [math.sqrt(30.666667 / one) for one in (83.298, 40.482)]
    assert list(found) == pytest.approx(exact, rel=0.01)  # ten thousand draws
