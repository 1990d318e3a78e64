"""Figures, their bounds, and how both are told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.pairs import Pairs
from benchmarks.results import Note, Result, Series, at_least, at_most, seconds

POSITIVE = st.floats(min_value=1e-9, max_value=1e6)


@given(POSITIVE, POSITIVE)
def test_a_figure_on_its_bound_holds_and_beyond_it_only_on_one_side(
    bound: float, value: float
) -> None:
    assert at_least(bound).holds(bound)
    assert at_most(bound).holds(bound)
    assert at_least(bound).holds(value) == (value >= bound)
    assert at_most(bound).holds(value) == (value <= bound)


@pytest.mark.parametrize(
    ("value", "bound", "verdict"),
    [
        (2.5, at_least(2.5), "OK"),
        (2.49, at_least(2.5), "SHORT"),
        (8.0, at_most(8, "%"), "OK"),
        (8.01, at_most(8, "%"), "SHORT"),
        (0.0, at_most(0, "records"), "OK"),
        (float("nan"), at_least(2.5), "SHORT"),
        (float("nan"), at_most(8), "SHORT"),
        (None, at_least(2.5), "NOT MEASURED"),
        (3.0, None, "NOT MEASURED"),
    ],
)
def test_only_a_figure_inside_its_bound_is_ok(
    value: float | None, bound: object, verdict: str
) -> None:
    assert Result("a", "", value, bound).verdict == verdict  # type: ignore[arg-type]


def test_the_rounded_figure_never_decides() -> None:
    short = Result("a", "", 2.4999, at_least(2.5))
    assert short.shown == "2.50 ×"
    assert short.verdict == "SHORT"


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.0, "0 ×"),
        (0.1234, "0.12 ×"),
        (9.994, "9.99 ×"),
        (12.34, "12.3 ×"),
        (123.4, "123 ×"),
        (37103.0, "37103 ×"),
        (-5.678, "-5.68 ×"),
    ],
)
def test_three_digits_are_shown_and_never_an_exponent(value: float, shown: str) -> None:
    assert Result("a", "", value, at_least(1)).shown == shown


@given(st.lists(POSITIVE, min_size=1, max_size=9))
def test_the_unit_of_durations_fits_their_median(values_s: list[float]) -> None:
    series = seconds("ours", values_s)
    factor = {"s": 1.0, "ms": 1e3, "µs": 1e6}[series.unit]
    assert list(series.values) == [value_s * factor for value_s in values_s]
    assert series.unit == "µs" or series.median >= 0.999
    assert series.unit == "s" or series.median < 1000.1


def test_a_series_tells_its_spread_and_a_single_value_none() -> None:
    assert str(Series("ours", "ms", [3.0, 1.0, 2.0])) == "ours 2.00 [1.00 … 3.00] ms"
    assert str(Series("ours", "MiB", [37.0])) == "ours 37.0 MiB"


def test_what_was_not_measured_says_why() -> None:
    result = Result("ingest.rate", "Ingest", None, at_least(5), remark="no node")
    assert result.shown == "–"
    assert "NOT MEASURED" in str(result)
    assert str(result).endswith("no node")
    assert result.as_data()["value"] is None


def test_data_for_programs_holds_every_value() -> None:
    series = Series("ours", "ms", [1.0, 3.0])
    told = Result("a.b", "A title", 2.0, at_most(3, "ms"), (series,)).as_data()
    assert told["bound"] == {"figure": 3, "unit": "ms", "at_least": False}
    assert told["series"] == [
        {"label": "ours", "unit": "ms", "median": 2.0, "values": [1.0, 3.0]},
    ]
    assert told["verdict"] == "OK"
    assert "verdict" not in Note("a.note", "", (series,)).as_data()


@given(st.lists(st.tuples(POSITIVE, POSITIVE), min_size=1, max_size=9))
def test_the_ratio_is_of_pairs_and_lies_between_the_extreme_ones(
    costs: list[tuple[float, float]],
) -> None:
    pairs = Pairs([our for our, _ in costs], [peer for _, peer in costs])
    ratios = [peer / our for our, peer in costs]
    assert min(ratios) <= pairs.times_faster <= max(ratios)
    assert min(1 / one for one in ratios) * 0.999 <= pairs.times_the_peer
    assert pairs.times_the_peer <= max(1 / one for one in ratios) * 1.001
