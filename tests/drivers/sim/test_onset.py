"""A fault is there when its onset says so, and its edges are where that changes."""

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.sim.onset import Onset

TIMES = st.floats(0.0, 500.0)


@pytest.mark.parametrize(
    ("onset", "at_s", "level"),
    [
        (Onset(), 0.0, 1.0),
        (Onset(from_s=5.0), 4.999, 0.0),
        (Onset(from_s=5.0), 5.0, 1.0),
        (Onset(to_s=5.0), 5.0, 0.0),
        (Onset(from_s=2.0, every_s=10.0, for_s=1.0), 12.5, 1.0),
        (Onset(from_s=2.0, every_s=10.0, for_s=1.0), 13.0, 0.0),
        (Onset(from_s=2.0, every_s=10.0, for_s=1.0, to_s=12.0), 12.5, 0.0),
        (Onset(from_s=10.0, ramp_s=20.0), 20.0, 0.5),
        (Onset(from_s=10.0, ramp_s=20.0), 1e6, 1.0),
    ],
)
def test_a_fault_has_its_size_at_a_time(onset: Onset, at_s: float, level: float) -> None:
    assert onset.level(at_s) == level


@given(TIMES, TIMES, st.sampled_from([0.0, 3.0, 10.0]), st.floats(0.1, 3.0), st.floats(0.0, 9.0))
def test_nothing_changes_at_once_between_two_edges(
    from_s: float, lasts_s: float, every_s: float, for_s: float, ramp_s: float
) -> None:
    onset = Onset(from_s, from_s + lasts_s, every_s, for_s, ramp_s)
    edges = sorted({0.0, *onset.edges(600.0), 600.0})
    for before, after in pairwise(edges):
        step = (after - before) / 4
        levels = [onset.level(before + number * step) for number in (1, 2, 3)]
        assert levels[1] - levels[0] == pytest.approx(levels[2] - levels[1], abs=1e-6)


def test_a_fault_without_end_that_comes_again_has_a_bounded_number_of_edges() -> None:
    assert len(list(Onset(every_s=1e-6, for_s=1e-7).edges(math.inf))) < 20_000
