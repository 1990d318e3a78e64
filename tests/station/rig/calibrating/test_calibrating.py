"""Factors and matrix make meters right, and what is no calibration is refused."""

import tomllib
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drivers.capabilities import LightArray
from drivers.sim.light import FixedScene
from station.compose import DEMO_RIG
from station.rig.calibrating.colour import LEAST, Xyy, corrected_matrix
from station.rig.calibrating.figures import CalibrationError, as_toml, numbers
from station.rig.calibrating.guided import Bench, lines, place_in_file
from station.rig.calibrating.light import zone_factors
from station.rig.config import load
from station.simulate.rig import SimulatedRig

DEMO = load(DEMO_RIG)
UNIT = ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0))
PANEL = (  # sRGB's primaries and D65: IEC 61966-2-1
    Xyy(0.3127, 0.3290, 200.0),
    Xyy(0.64, 0.33, 42.5),
    Xyy(0.30, 0.60, 143.0),
    Xyy(0.15, 0.06, 14.4),
)


def seen_through(matrix: Sequence[Sequence[float]], colour: Xyy) -> Xyy:
    """Return what a meter tells that is wrong by a matrix."""
    x, y, z = (sum(m * v for m, v in zip(row, colour.tristimulus(), strict=True)) for row in matrix)
    return Xyy(x / (x + y + z), y / (x + y + z), y)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.floats(0.2, 5.0), min_size=9, max_size=9), st.floats(10.0, 1000.0))
def test_factors_undo_the_gain_of_each_meter(gains: list[float], lux: float) -> None:
    readings = [[gain * lux for gain in gains]] * 2
    found = zone_factors([1.0] * 9, readings, [lux] * 9, 0.5)
    assert [f * g for f, g in zip(found.factors, gains, strict=True)] == pytest.approx([1.0] * 9)
    assert found.uncertainty_percent == pytest.approx(0.5)


def test_factors_that_are_there_already_are_kept_in() -> None:
    found = zone_factors([2.0, 1.0], [[110.0, 100.0]] * 3, [100.0, 100.0], 1.0)
    assert found.factors == pytest.approx((2.0 / 1.1, 1.0))


def test_scatter_of_the_readings_goes_into_the_uncertainty() -> None:
    found = zone_factors([1.0], [[99.0], [100.0], [101.0], [100.0]], [100.0], 1.0)
    # s = 0.8165 lx, over the root of 4, times two: 0.8165 %
    assert found.uncertainty_percent == pytest.approx((1.0 + 0.8165**2) ** 0.5, rel=1e-4)


@pytest.mark.parametrize(
    ("readings", "references", "why"),
    [
        ([[100.0, 100.0]], [100.0, 100.0], "two readings"),
        ([[100.0, 100.0]] * 2, [100.0], "not as many zones"),
        ([[100.0, 0.0]] * 2, [100.0, 100.0], "zone 2: 0 lx"),
        ([[100.0, 100.0]] * 2, [100.0, float("nan")], "zone 2"),
        ([[100.0, 5.0]] * 2, [100.0, 100.0], "zone 2: a factor of 20"),
    ],
)
def test_no_factor_comes_of_figures_that_are_none(
    readings: list[list[float]], references: list[float], why: str
) -> None:
    with pytest.raises(CalibrationError, match=why):
        zone_factors([1.0, 1.0], readings, references, 1.0)


errors = st.floats(-0.1, 0.1)


@settings(max_examples=50, deadline=None)
@given(st.lists(errors, min_size=9, max_size=9))
def test_matrix_undoes_any_linear_error_of_the_meter(wrong: list[float]) -> None:
    distort = [[UNIT[r][c] + 0.2 * wrong[3 * r + c] for c in range(3)] for r in range(3)]
    before = ((2.0, 0.1, 0.0), (0.3, 1.5, 0.1), (0.0, 0.2, 3.0))
    found = corrected_matrix(before, [seen_through(distort, one) for one in PANEL], PANEL)
    assert found.left_xy < 1e-9
    # the new matrix after the error of the meter is the old one
    again = [
        [sum(distort[r][k] * found.matrix[k][c] for k in range(3)) for c in range(3)]
        for r in range(3)
    ]
    for row, expected in zip(again, before, strict=True):
        assert row == pytest.approx(expected, abs=1e-9)


def test_matrix_tells_how_far_a_picture_that_does_not_fit_is_off() -> None:
    typed = [PANEL[0]._replace(x=0.33), *PANEL[1:]]
    assert 0.003 < corrected_matrix(UNIT, PANEL, typed).left_xy < 0.017


@pytest.mark.parametrize(
    ("readings", "references", "why"),
    [
        (PANEL[: LEAST - 1], PANEL[: LEAST - 1], "at least 4 pictures"),
        ((PANEL[0],) * 4, (PANEL[0],) * 4, "do not differ enough"),
        (PANEL, (*PANEL[:3], Xyy(0.15, 0.0, 14.0)), "is no colour"),
        (PANEL, (*PANEL[:3], Xyy(0.8, 0.3, 14.0)), "is no colour"),
    ],
)
def test_no_matrix_comes_of_figures_that_are_none(
    readings: Sequence[Xyy], references: Sequence[Xyy], why: str
) -> None:
    with pytest.raises(CalibrationError, match=why):
        corrected_matrix(UNIT, readings, references)


def test_guided_calibration_of_zones_makes_them_read_the_reference() -> None:
    rig = SimulatedRig(DEMO)
    rig.worlds["display-1"].place.light = FixedScene(200.0)
    hardware = rig.hardware["display-1"]
    bench = Bench(DEMO, "display-1", hardware, rig.hardware[""])
    asked = []

    def ask(question: str) -> str:
        asked.append(question)
        return " ".join(["210"] * 9)

    keys = bench.light("zones", 5, 1.0, ask)
    assert len(asked) == 1
    assert keys["factors"] == pytest.approx([1.05] * 9, rel=2e-3)
    assert 1.0 <= keys["factor_uncertainty_percent"] < 1.1
    place = place_in_file(DEMO, "display-1", "zones")
    table = tomllib.loads("\n".join(lines(place, keys)))["slots"]["display-1"]["roles"]["zones"]
    assert table["factors"] == pytest.approx(keys["factors"], rel=1e-6)


def test_guided_calibration_of_colour_shows_four_pictures_and_fits_the_panel() -> None:
    rig = SimulatedRig(DEMO)
    world = rig.worlds["display-1"]
    scene = FixedScene(200.0)
    world.place.light = scene
    rig.probe.over = world
    hardware = rig.hardware["display-1"]
    bench = Bench(DEMO, "display-1", hardware, rig.hardware[""])
    asked: list[str] = []

    def ask(question: str) -> str:
        shown = PANEL[len(asked)]
        asked.append(question.split(":")[0])
        scene.everywhere_lux, scene.colour = shown.illuminance_lux, (shown.x, shown.y)
        return f"{shown.x} {shown.y} {1.1 * shown.illuminance_lux}"

    keys = bench.colour("probe", 3, ask)
    assert asked == ["white", "red", "green", "blue"]
    assert bench.references[0] == pytest.approx([0.3127, 0.3290, 220.0])
    before = DEMO.instrument("display-1", "probe").values["matrix"]
    for row, old in zip(keys["matrix"], before, strict=True):
        assert row == pytest.approx([1.1 * one for one in old], rel=0.05, abs=3)
    assert keys["left_xy"] < 0.004
    place = place_in_file(DEMO, "display-1", "probe")
    assert place == "shared.colour-probe"
    table = tomllib.loads("\n".join(lines(place, keys)))["shared"]["colour-probe"]
    assert table.keys() == {"matrix"}


def test_guided_calibration_refuses_a_role_without_factors_and_a_typing_mistake() -> None:
    rig = SimulatedRig(DEMO)
    rig.worlds["display-1"].place.light = FixedScene(200.0)
    bench = Bench(DEMO, "display-1", rig.hardware["display-1"], rig.hardware[""])
    with pytest.raises(CalibrationError, match="has no `factors`"):
        bench.light("meter", 2, 1.0, lambda question: "1")
    with pytest.raises(CalibrationError, match="has no lamp"):
        bench.light("lamp", 2, 1.0, lambda question: "1")
    with pytest.raises(CalibrationError, match="is not numbers"):
        bench.light("zones", 2, 1.0, lambda question: "two hundred")
    assert issubclass(DEMO.instrument("display-1", "zones").kind, LightArray)


def test_figures_are_written_as_toml_reads_them() -> None:
    for value in (1.0, 0.98765432, [[1.0, -2.5e-9], [3e20, 0.0]]):
        read = tomllib.loads(f"a = {as_toml(value)}")["a"]
        flat = [read] if isinstance(read, float) else [one for row in read for one in row]
        true = [value] if isinstance(value, float) else [one for row in value for one in row]
        assert flat == pytest.approx(true, rel=1e-6)
        assert all(isinstance(one, float) for one in flat)
    assert numbers(" 1 2.5\n") == [1.0, 2.5]
