"""Figures of curves are those that their sources print, segment by segment."""

from math import isclose

import pytest
from hypothesis import given
from hypothesis import strategies as st

from station.engine.curves import CURVES, Curve, ratings_of

# Worked out by hand from each source's formula: output in V and A, least average efficiency in %.
FIGURES = [
    ("level_3_efficiency", 5.0, 0.1, 24.5),
    ("level_3_efficiency", 12.0, 1.0, 71.4),
    ("level_3_efficiency", 12.0, 5.0, 84.0),
    ("level_4_efficiency", 5.0, 0.1, 25.0),
    ("level_4_efficiency", 12.0, 1.0, 72.4),
    ("level_4_efficiency", 10.0, 5.0, 85.2),
    ("level_4_efficiency", 12.0, 5.0, 85.0),
    ("level_5_efficiency", 9.0, 0.1, 57.2),
    ("level_5_efficiency", 12.0, 1.0, 77.8),
    ("level_5_efficiency", 19.5, 3.33, 87.0),
    ("level_5_efficiency", 5.0, 1.0, 68.2),
    ("level_5_efficiency", 5.0, 0.55, 68.5),
    ("level_5_efficiency", 5.0, 12.0, 86.0),
    ("level_6_efficiency", 9.0, 0.1, 61.0),
    ("level_6_efficiency", 19.5, 2.31, 87.7),
    ("level_6_efficiency", 19.5, 3.33, 88.0),
    ("level_6_efficiency", 5.0, 1.0, 73.6),
    ("level_6_efficiency", 5.0, 0.55, 69.0),
    ("level_6_efficiency", 5.0, 0.54, 73.7),
    ("level_6_efficiency", 5.0, 12.0, 87.0),
]


def figure(curve: Curve, volts: float, amperes: float) -> float | None:
    values = {"output_v": volts, "output_a": amperes, "output_w": volts * amperes}
    return curve(**{name: values[name] for name in ratings_of(curve)})


@pytest.mark.parametrize(("name", "volts", "amperes", "percent"), FIGURES)
def test_a_figure_is_that_of_the_source(
    name: str, volts: float, amperes: float, percent: float
) -> None:
    assert figure(CURVES[name], volts, amperes) == percent


@pytest.mark.parametrize("name", CURVES)
@given(st.floats(3.0, 60.0), st.floats(0.1, 20.0))
def test_a_curve_has_an_efficiency_up_to_250_w_and_none_above(
    name: str, volts: float, amperes: float
) -> None:
    found = figure(CURVES[name], volts, amperes)
    if volts * amperes > 250.0:
        assert found is None
    else:
        assert found is not None
        assert 5.0 < found < 90.0
        assert isclose(found * 10, round(found * 10))


@given(st.floats(6.0, 60.0), st.floats(0.1, 20.0))
def test_a_later_mark_never_asks_for_less(volts: float, amperes: float) -> None:
    found = [figure(curve, volts, amperes) for curve in CURVES.values()]
    if found[0] is not None:
        figures = [one for one in found if one is not None]
        assert figures == sorted(figures)


@pytest.mark.parametrize("name", CURVES)
def test_the_segments_meet_within_a_point(name: str) -> None:
    for watts in (1.0, 49.0, 51.0):
        below = figure(CURVES[name], 12.0, (watts - 0.01) / 12.0)
        above = figure(CURVES[name], 12.0, (watts + 0.01) / 12.0)
        assert below is not None
        assert above is not None
        assert abs(below - above) < (5.0 if watts == 1.0 else 1.0)


@pytest.mark.parametrize("name", CURVES)
def test_every_curve_names_two_sources(name: str) -> None:
    said = CURVES[name].__doc__ or ""
    assert said.count("Source: ") == 1
    assert said.count("Second source: ") == 1
