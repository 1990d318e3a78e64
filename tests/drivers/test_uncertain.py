"""Numbers carry their causes: as the package `uncertainties` does, and as the GUM prints it."""

import math
import operator
import pickle
from collections.abc import Callable
from random import Random
from statistics import fmean, stdev
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from uncertainties import UFloat, covariance_matrix, ufloat, umath  # type: ignore[import-untyped]

from drivers.extremes import distance, evenness, highest, lowest, span
from drivers.uncertain import (
    GAIN,
    OFFSET,
    Accuracy,
    Cause,
    Channel,
    Term,
    Uncertain,
    at_least,
    largest_error,
    mean,
    repeated,
    root,
    spread,
    standard_uncertainty,
    unknown,
)

GAIN_1 = (Accuracy("x", (Term(GAIN, gain=0.01),)),)
OFFSET_1 = (Accuracy("x", (Term(OFFSET, offset=0.1),)),)


def u(value: object) -> float:
    """Return a standard uncertainty that has to be known."""
    found = standard_uncertainty(value)
    assert found is not None
    return found


# The package as oracle

OPERATIONS: tuple[Callable[[Any, Any], Any], ...] = (
    operator.add,
    operator.sub,
    operator.mul,
    operator.truediv,
)


def magnitude(one: Any) -> Any:
    """Return the absolute value; the package has none of its own any more."""
    if isinstance(one, UFloat):
        return -one if one.nominal_value < 0 else one
    return abs(one)


leaves = st.one_of(
    st.integers(0, 3).map(lambda n: ("x", n)), st.floats(0.5, 50).map(lambda c: ("c", c))
)
expressions = st.recursive(
    leaves,
    lambda inner: (
        st.tuples(st.sampled_from(OPERATIONS), inner, inner)
        | st.tuples(st.just(operator.neg), inner)
        | st.tuples(st.just(magnitude), inner)
    ),
    max_leaves=14,
)


def evaluate(expression: Any, numbers: list[Any]) -> Any:
    head, *rest = expression
    if head == "x":
        return numbers[rest[0]]
    if head == "c":
        return rest[0]
    return head(*(evaluate(one, numbers) for one in rest))


@given(expressions, st.lists(st.floats(0.5, 50), min_size=4, max_size=4))
def test_any_expression_has_the_uncertainty_that_the_package_gives_it(
    expression: Any, values: list[float]
) -> None:
    meter, other = Channel("a", GAIN_1), Channel("b", OFFSET_1)
    ours = [meter.lift(values[0]), meter.lift(values[1]), *map(other.lift, values[2:])]
    gain, offset = ufloat(1, 0.01 / 3**0.5), ufloat(0, 0.1 / 3**0.5)
    theirs = [values[0] * gain, values[1] * gain, values[2] + offset, values[3] + offset]
    try:
        right = evaluate(expression, theirs)
    except ZeroDivisionError:
        with pytest.raises(ZeroDivisionError):
            evaluate(expression, ours)
        return
    found = evaluate(expression, ours)
    if not isinstance(right, UFloat):
        assert standard_uncertainty(found) is None
        return
    assert float(found) == pytest.approx(right.nominal_value, rel=1e-9, abs=1e-12)
    ours_is = standard_uncertainty(found) or 0.0  # all causes may cancel
    assert ours_is == pytest.approx(right.std_dev, rel=1e-6, abs=1e-9 * (1 + abs(float(found))))


# GUM H.2: simultaneous resistance and reactance, means and correlations from the five sets

VOLTS = (5.007, 4.994, 5.005, 4.990, 4.999)
AMPERES = tuple(one / 1000 for one in (19.663, 19.639, 19.640, 19.685, 19.678))
RADIANS = (1.0456, 1.0438, 1.0468, 1.0428, 1.0433)


def of_means(*series: tuple[float, ...]) -> list[Uncertain]:
    """Return the means of series that were taken together: one cause for each of the sets."""
    count = len(series[0])
    causes = [Cause(f"set {n}") for n in range(count)]
    scale = math.sqrt(count * (count - 1))
    return [
        Uncertain(
            fmean(one), {c: (x - fmean(one)) / scale for c, x in zip(causes, one, strict=True)}
        )
        for one in series
    ]


def correlation(a: Uncertain, b: Uncertain) -> float:
    return sum(move * b.moves.get(c, 0.0) for c, move in a.moves.items()) / (
        a.standard * b.standard
    )


def turned(angle: Uncertain, function: Any, slope: Any) -> Uncertain:
    """Return a function of an angle; steps have none, and the station knows none."""
    by = slope(float(angle))
    return Uncertain(function(float(angle)), {c: by * m for c, m in angle.moves.items()})


def test_gum_h_2_comes_out_to_the_printed_digits() -> None:
    v, i, phi = of_means(VOLTS, AMPERES, RADIANS)
    assert v.standard == pytest.approx(0.0032094, abs=5e-8)
    assert i.standard == pytest.approx(9.4710e-6, abs=5e-11)
    assert phi.standard == pytest.approx(0.00075206, abs=5e-9)
    assert correlation(v, i) == pytest.approx(-0.3553, abs=5e-5)
    assert correlation(v, phi) == pytest.approx(0.8576, abs=5e-5)
    assert correlation(i, phi) == pytest.approx(-0.6451, abs=5e-5)
    cos = turned(phi, math.cos, lambda angle: -math.sin(angle))
    sin = turned(phi, math.sin, math.cos)
    r, x, z = v / i * cos, v / i * sin, v / i
    for found, value, uncertainty in (
        (r, 127.73217, 0.0710714),
        (x, 219.84651, 0.2955817),
        (z, 254.25970, 0.2363361),
    ):
        assert float(found) == pytest.approx(value, abs=5e-6)
        assert found.standard == pytest.approx(uncertainty, abs=5e-8)
    assert correlation(r, x) == pytest.approx(-0.588430, abs=5e-7)
    assert correlation(r, z) == pytest.approx(-0.485259, abs=5e-7)
    assert correlation(x, z) == pytest.approx(0.992512, abs=5e-7)


def test_gum_h_2_without_correlation_is_the_failing_case() -> None:
    v, i, phi = (of_means(one)[0] for one in (VOLTS, AMPERES, RADIANS))
    cos = turned(phi, math.cos, lambda angle: -math.sin(angle))
    sin = turned(phi, math.sin, math.cos)
    found = [(v / i * cos).standard, (v / i * sin).standard, (v / i).standard]
    assert found == [pytest.approx(one, abs=5e-5) for one in (0.1945, 0.2009, 0.2041)]


def test_the_package_agrees_with_gum_h_2_on_the_correlations() -> None:
    v, i, phi = of_means(VOLTS, AMPERES, RADIANS)
    causes = list(v.moves)
    units = [ufloat(0, 1) for _ in causes]
    theirs = [
        one.real + sum(one.moves[c] * unit for c, unit in zip(causes, units, strict=True))
        for one in (v, i, phi)
    ]
    r = theirs[0] / theirs[1] * umath.cos(theirs[2])
    z = theirs[0] / theirs[1]
    matrix = covariance_matrix([r, z])
    assert matrix[0][1] / (r.std_dev * z.std_dev) == pytest.approx(-0.485259, abs=5e-7)


# The worked examples of the facts page


def sdm3055() -> Channel:
    """Return the 20 V range of a SDM3055: 0.015 % + 0.004 % of range, 5½ digits."""
    whole = Term("specification", gain=0.00015, offset=20 * 0.00004)
    return Channel("V", (Accuracy("SDM3055", (whole,), resolution=0.0001),))


def test_percent_and_counts_of_one_sheet_are_one_limit() -> None:
    reading = sdm3055().lift(12.0)
    assert isinstance(reading, Uncertain)
    (systematic, _) = reading.moves.values()
    assert systematic * 1000 == pytest.approx(1.5011, abs=5e-5)
    assert u(reading) * 1000 == pytest.approx(1.5014, abs=5e-5)
    assert 2 * u(reading) * 1000 == pytest.approx(3.00, abs=5e-3)


def test_a_difference_by_one_meter_is_thirty_times_better_than_by_two() -> None:
    meter, other = sdm3055(), sdm3055()
    assert u(meter.lift(5.10) - meter.lift(4.95)) * 1000 == pytest.approx(0.0428, abs=1e-4)
    assert u(meter.lift(5.10) - other.lift(4.95)) * 1000 == pytest.approx(1.269, abs=1e-3)


def test_the_efficiency_of_the_facts_page() -> None:
    volts = Channel("V", (Accuracy("x", (Term("s", gain=0.0005, offset=0.0036),)),)).lift(5.1)
    amperes = Channel("I", (Accuracy("x", (Term("s", gain=0.0005, offset=0.0015),)),)).lift(3.0)
    watts = Channel("P", (Accuracy("x", (Term("s", gain=0.005),), resolution=0.1),)).lift(18.0)
    efficiency = volts * amperes / watts
    assert float(efficiency) == pytest.approx(0.85)
    assert u(efficiency) == pytest.approx(0.00291, abs=5e-6)


@pytest.mark.parametrize(("rho", "percent"), [(0.0, 0.424), (0.5, 0.300), (0.9, 0.134), (1.0, 0.0)])
def test_a_ratio_of_two_correlated_channels(rho: float, percent: float) -> None:
    shared, own_a, own_b = Cause("shared"), Cause("a"), Cause("b")
    moves = {shared: 0.3 * math.sqrt(rho)}, 0.3 * math.sqrt(1 - rho)
    a = Uncertain(100.0, {**moves[0], own_a: moves[1]})
    b = Uncertain(100.0, {**moves[0], own_b: moves[1]})
    assert 100 * (a / b).standard == pytest.approx(percent, abs=5e-4)


def test_ten_readings_average_their_noise_and_nothing_else() -> None:
    meter = Channel("V", (Accuracy("x", (Term(GAIN, offset=0.0015 * 3**0.5),), noise=0.0008),))
    assert u(mean(meter.lift(5.0) for _ in range(10))) * 1000 == pytest.approx(1.521, abs=1e-3)


def test_repeated_readings_share_the_step_in_which_they_are_shown() -> None:
    meter = Channel("W", (Accuracy("x", (Term(GAIN, gain=0.005),), 0.1, noise=0.01),))
    many = [meter.lift(0.1) for _ in range(10)]
    step, noise, gain = 0.1 / 12**0.5, 0.01 / 10**0.5, 0.1 * 0.005 / 3**0.5
    assert u(repeated(many)) == pytest.approx(math.hypot(step, noise, gain))
    assert u(mean(many)) == pytest.approx(math.hypot(step / 10**0.5, noise, gain))
    assert standard_uncertainty(repeated([1.0, 1.0])) is None


# Nothing is known of what lost its causes


@pytest.mark.parametrize("lose", [float, round, math.sqrt, math.floor, lambda one: fmean([one])])
def test_what_loses_its_causes_is_unknown_and_never_0(lose: Callable[[float], object]) -> None:
    assert standard_uncertainty(lose(Channel("V", GAIN_1).lift(19.5))) is None


SAME = Cause("same")


@pytest.mark.parametrize(
    "plain",
    [
        1,
        True,
        "1",
        None,
        1.5,
        Uncertain(1.5, {}),
        Uncertain(1, {SAME: 1}) - Uncertain(1, {SAME: 1}),
    ],
)
def test_nothing_is_known_of_a_number_without_causes(plain: object) -> None:
    assert standard_uncertainty(plain) is None


@given(expressions, st.lists(st.floats(0.5, 50), min_size=4, max_size=4), st.integers(0, 3))
def test_whatever_is_calculated_from_a_reading_of_unknown_accuracy_is_as_unknown(
    expression: Any, values: list[float], which: int
) -> None:
    """A plain float would count as exact: multiplied, averaged or cancelled."""
    ours: list[Any] = [Channel("a", GAIN_1).lift(one) for one in values]
    ours[which] = Channel("b", (GAIN_1[0]._replace(up_to=0.1),)).lift(values[which])
    try:
        found = evaluate(expression, ours)
    except ZeroDivisionError:
        return
    if uses(expression, which):
        assert standard_uncertainty(found) is None


def uses(expression: Any, which: int) -> bool:
    head, *rest = expression
    if head in ("x", "c"):
        return bool(head == "x" and rest[0] == which)
    return any(uses(one, which) for one in rest)


def test_helpers_know_what_is_unknown() -> None:
    known, lost = Channel("V", GAIN_1).lift(5.0), unknown(4.0)
    for helper in (mean, repeated, evenness, span, lowest, highest):
        assert standard_uncertainty(helper([known, lost, known])) is None
    assert standard_uncertainty(distance((known, lost), (0.0, 0.0))) is None
    assert largest_error(lost * known) is None


def test_a_mean_with_one_reading_of_unknown_accuracy_is_unknown() -> None:
    assert standard_uncertainty(mean([Channel("V", GAIN_1).lift(1.0), 1.0])) is None
    assert mean([1.0, 2.0]) == 1.5
    with pytest.raises(ValueError, match="no value"):
        mean([])


def test_it_is_a_float_until_somebody_writes_it_down() -> None:
    value = Channel("V", GAIN_1).lift(19.5)
    assert isinstance(value, float)
    assert value == 19.5
    assert f"{value:.2f}" == "19.50"
    with pytest.raises(TypeError):
        msgspec.json.encode(value)  # nothing leaves without its uncertainty unnoticed
    assert type(pickle.loads(pickle.dumps(value))) is float


def test_beyond_its_ranges_nothing_is_promised() -> None:
    meter = Channel(
        "V",
        (
            Accuracy("low", (Term(GAIN, gain=0.01),), up_to=2.0),
            Accuracy("high", (Term(GAIN, gain=0.03),), up_to=20.0),
        ),
    )
    assert u(meter.lift(2.0)) == pytest.approx(0.02 / 3**0.5)
    assert u(meter.lift(2.1)) == pytest.approx(0.063 / 3**0.5)
    assert standard_uncertainty(meter.lift(20.1)) is None
    first, second = meter.lift(1.0), meter.lift(10.0)
    assert u(first + second) == pytest.approx(math.hypot(0.01, 0.3) / 3**0.5)  # one gain a range


@given(st.floats(-50, 50), st.floats(0, 0.1), st.floats(0, 1))
def test_a_limit_of_gain_and_counts_adds_on_both_sides_of_zero(
    value: float, gain: float, offset: float
) -> None:
    both = Channel("V", (Accuracy("x", (Term("s", gain=gain, offset=offset),)),)).lift(value)
    expected = (gain * abs(value) + offset) / 3**0.5
    assert (standard_uncertainty(both) or 0.0) == pytest.approx(expected)


# Helpers


def test_at_least_keeps_the_causes_of_what_it_lifts() -> None:
    dark = Channel("lx", OFFSET_1).lift(0.0)
    assert float(at_least(dark, 0.5)) == 0.5
    assert u(at_least(dark, 0.5)) == u(dark)
    assert at_least(dark + 1.0, 0.5) == 1.0


def test_a_root_halves_the_relative_uncertainty() -> None:
    value = Channel("V", GAIN_1).lift(16.0)
    assert u(root(value)) / 4 == pytest.approx(u(value) / 16 / 2)
    assert standard_uncertainty(root(value - value)) is None


def test_repeatability_is_a_cause_of_its_own() -> None:
    assert u(spread(5.0, 0.3, "repeatability")) == pytest.approx(0.3)
    assert u(spread(Uncertain(5.0, {Cause("x"): 0.4}), 0.3, "r")) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("relative", "rectangular", "mean_percent", "sd_percent"),
    [(0.10, True, 85.2, 2.1), (0.20, True, 72.5, 3.7), (0.005, False, 98.5, 0.4)],
)
def test_the_evenness_of_nine_sensors_is_biased_and_says_so(
    relative: float, rectangular: bool, mean_percent: float, sd_percent: float
) -> None:
    """The facts page gives mean and deviation for sensors with these errors on an even screen."""
    coverage = None if rectangular else 1.0
    sensors = [
        Channel(str(n), (Accuracy("x", (Term(GAIN, gain=relative, coverage=coverage),)),))
        for n in range(9)
    ]
    found = evenness([one.lift(100.0) for one in sensors])
    wanted = math.hypot(100 - mean_percent, sd_percent)
    assert float(found) == 1.0
    assert 100 * u(found) == pytest.approx(wanted, rel=0.1)


def test_one_moved_sensor_has_no_such_bias_but_its_noise() -> None:
    moved = Channel("lx", (Accuracy("x", (Term(GAIN, gain=0.1),), noise=0.3),))
    found = evenness([moved.lift(100.0) for _ in range(9)])
    assert 100 * u(found) == pytest.approx(math.hypot(0.9, 0.3), rel=0.25)


def test_evenness_is_unknown_when_one_sensor_is() -> None:
    known = Channel("lx", GAIN_1).lift(100.0)
    assert standard_uncertainty(evenness([known, 100.0])) is None
    assert evenness([0.0, 0.0]) == 0.0


def test_a_span_beyond_doubt_is_a_difference_and_one_near_zero_is_drawn() -> None:
    meter = Channel("V", (Accuracy("x", (Term(GAIN, gain=0.001),), noise=0.001),))
    wide = span([meter.lift(19.5), meter.lift(19.2), meter.lift(18.9)])
    assert u(wide) == pytest.approx(math.hypot(0.6 * 0.001 / 3**0.5, 0.001 * 2**0.5), rel=1e-3)
    none = span([meter.lift(19.5) for _ in range(4)])
    assert float(none) == 0.0
    assert u(none) == pytest.approx(0.001 * 2.24, rel=0.15)  # d2 of 4 is 2.06, d3 0.88


def test_extremes_keep_what_all_readings_share() -> None:
    meter = Channel("V", (Accuracy("x", (Term(OFFSET, offset=0.3),), noise=0.01),))
    many = [meter.lift(5.0) for _ in range(9)]
    for extreme in (lowest(many), highest(many)):
        assert u(extreme) == pytest.approx(math.hypot(0.3 / 3**0.5, 0.0155), rel=0.01)
    assert lowest([meter.lift(4.0)]) == 4.0


def test_a_distance_is_of_first_order_far_from_zero_and_drawn_near_it() -> None:
    x, y = Channel("x", OFFSET_1), Channel("y", OFFSET_1)
    far = distance((x.lift(3.0), y.lift(4.0)), (0.0, 0.0))
    assert float(far) == 5.0
    assert u(far) == pytest.approx(0.1 / 3**0.5)
    met = distance((x.lift(0.0), y.lift(0.0)), (0.0, 0.0))
    assert u(met) == pytest.approx(math.sqrt(2) * 0.1 / 3**0.5, rel=0.05)
    assert standard_uncertainty(distance((1.0, 2.0), (0.0, 0.0))) is None


@given(st.integers(0, 2**32))
def test_what_is_drawn_covers_the_truth_of_any_nine_sensors(seed: int) -> None:
    """Evenness of readings with known errors lies within twice its uncertainty of the truth."""
    chance = Random(seed)
    truth = [chance.uniform(180, 220) for _ in range(9)]
    sensors = [Channel(str(n), (Accuracy("x", (Term(GAIN, gain=0.05),)),)) for n in range(9)]
    readings = [
        sensor.lift(one * (1 + chance.uniform(-0.05, 0.05)))
        for sensor, one in zip(sensors, truth, strict=True)
    ]
    found = evenness(readings)
    assert abs(found - min(truth) / max(truth)) < 3 * u(found)


def test_a_channel_gives_what_a_thousand_meters_give() -> None:
    """A step's own formula, with meters drawn from the same limits."""
    chance = Random(1)

    def one_bench() -> float:
        gain, offset = 1 + chance.uniform(-0.001, 0.001), chance.uniform(-0.0025, 0.0025)
        seen = [truth * gain + offset for truth in (19.5, 19.2)]
        return 100 * (seen[0] - 19.5) / 19.5 + (seen[0] - seen[1])

    ours = Channel("V", (Accuracy("x", (Term(GAIN, gain=0.001), Term(OFFSET, offset=0.0025))),))
    a, b = ours.lift(19.5), ours.lift(19.2)
    found = 100 * (a - 19.5) / 19.5 + (a - b)
    assert u(found) == pytest.approx(stdev(one_bench() for _ in range(3000)), rel=0.05)
