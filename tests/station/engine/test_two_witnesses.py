"""Two good instruments never convict each other, and one that is not good is convicted."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.capabilities import Power
from drivers.uncertain import Accuracy, Channel, Term, largest_error
from station.engine.step import BenchFault
from station.engine.witness import may_differ
from station.steps.adapter.meters import LEAD_OHM, compare

METER = (Accuracy("m", (Term("gain", gain=0.001), Term("offset", offset=0.0075)), 0.00125),)
LOAD = (Accuracy("l", (Term("specification", gain=0.0005, offset=0.024),), 0.001),)


def reading(ranges: tuple[Accuracy, ...], true: float, chance: Random) -> float:
    """Return what an instrument within its limits makes of a value."""
    (told,) = ranges
    error = sum(chance.uniform(-1, 1) * term.limit(true) for term in told.terms)
    step = told.resolution
    return Channel("x", ranges).lift(round((true + error) / step) * step)


@given(st.floats(1.0, 30.0), st.floats(0.0, 8.0), st.integers(0, 2**32))
def test_two_good_ones_never_convict_each_other(volts: float, amperes: float, seed: int) -> None:
    """Their errors are anything within their limits, and leads are between them."""
    chance = Random(seed)
    drop_v = chance.uniform(0, LEAD_OHM) * amperes * 0.9
    meter = Power(reading(METER, volts, chance), amperes, 0.0)
    load = Power(reading(LOAD, volts - drop_v, chance), amperes, 0.0)
    compare(meter, load, 0.0)


@pytest.mark.parametrize("volts", [5.0, 12.0, 19.5])
def test_a_meter_beyond_its_limits_is_convicted(volts: float) -> None:
    off = largest_error(Channel("x", METER).lift(volts)) or 0.0
    other = largest_error(Channel("x", LOAD).lift(volts)) or 0.0
    meter = Power(Channel("x", METER).lift(volts + 1.2 * (off + other)), 0.0, 0.0)
    load = Power(Channel("x", LOAD).lift(volts), 0.0, 0.0)
    with pytest.raises(BenchFault) as fault:
        compare(meter, load, 0.0)
    assert fault.value.roles == {"load", "meter"}


def test_an_unknown_accuracy_leaves_the_band_of_a_broken_bench() -> None:
    known = Channel("x", METER).lift(19.5)
    assert may_differ(known, 19.5, 0.9) == 0.9
    assert may_differ(19.5, 19.5, 0.9) == 0.9
    assert may_differ(known, known, 0.9) == pytest.approx(2 * (0.0195 + 0.0075 + 0.000625))
