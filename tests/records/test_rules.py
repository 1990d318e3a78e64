"""Decision rules: the vectors of ILAC-G8 and JCGM 106, and no verdict that uncertainty makes."""

import math
from statistics import NormalDist

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from records import Limit, Verdict
from records.rules import NO_ROOM, SIMPLE, TOO_LARGE, UNKNOWN, Decision, Rule, decide
from tests.records.strategies import limit

PASS, FAIL = Verdict.PASS, Verdict.FAIL
BOTH = limit(min=4.75, max=5.25)
BY_SIMPLE, GUARDED, NON_BINARY = Rule("simple", 0.0), Rule("guarded", 1.0), Rule("non-binary", 1.0)
rules = st.sampled_from([BY_SIMPLE, GUARDED, NON_BINARY, Rule("guarded", 0.83)])
figures = st.floats(-1e6, 1e6)
uncertainties = st.floats(0.0, 1e3)


@pytest.mark.parametrize(
    ("value", "simple", "guarded", "non_binary", "chance"),
    [
        (4.780, (PASS, False), (PASS, False), (PASS, False), 0.9987),
        (4.765, (PASS, True), (FAIL, True), (PASS, True), 0.9332),
        (4.745, (FAIL, True), (FAIL, True), (FAIL, True), 0.3085),
        (4.720, (FAIL, False), (FAIL, False), (FAIL, False), 0.0013),
    ],
)
def test_the_vector_of_ilac_g8(
    value: float,
    simple: tuple[Verdict, bool],
    guarded: tuple[Verdict, bool],
    non_binary: tuple[Verdict, bool],
    chance: float,
) -> None:
    """U is 0.02 and w = U. `chance` is that of a true value inside, as the facts page prints it."""
    assert decide(BOTH, value, 0.02, BY_SIMPLE) == Decision(*simple)
    assert decide(BOTH, value, 0.02, GUARDED) == Decision(*guarded)
    assert decide(BOTH, value, 0.02, NON_BINARY) == Decision(*non_binary)
    assert 1 - NormalDist(value, 0.01).cdf(4.75) == pytest.approx(chance, abs=5e-5)


@pytest.mark.parametrize(
    ("y", "u", "low", "high", "chance"),
    [
        (13.6, 1.8, 12.5, 16.3, 0.66263),
        (-5.47, 0.05, -math.inf, -5.40, 0.91924),
        (509.7, 8.6, 490.0, math.inf, 0.98901),
    ],
)
def test_the_examples_of_jcgm_106_are_marginal_where_their_chance_is_small(
    y: float, u: float, low: float, high: float, chance: float
) -> None:
    found = NormalDist(y, u).cdf(high) - NormalDist(y, u).cdf(low)
    assert found == pytest.approx(chance, abs=5e-6)
    bounds = {k: v for k, v in (("min", low), ("max", high)) if math.isfinite(v)}
    assert decide(limit(**bounds), y, 2 * u, BY_SIMPLE) == (PASS, chance < 0.977, "")


@pytest.mark.parametrize(("r", "percent"), [(0.83, 5.0), (1.0, 2.5), (1.5, 0.16)])
def test_a_value_at_the_acceptance_limit_is_wrongly_passed_as_rarely_as_the_table_says(
    r: float, percent: float
) -> None:
    by = Rule("guarded", r)
    u = 0.1
    at = 10.0 - r * 2 * u
    assert decide(limit(max=10.0), at, 2 * u, by) == Decision(PASS)
    assert 100 * (1 - NormalDist(at, u).cdf(10.0)) < percent
    assert by.false_accept_percent == percent


def test_ties_are_inside() -> None:
    at_most = limit(max=10.0)
    assert decide(at_most, 10.0, 0.5, BY_SIMPLE) == Decision(PASS, marginal=True)
    assert decide(at_most, 9.5, 0.5, GUARDED) == Decision(PASS)
    assert decide(at_most, 9.5, 0.5, NON_BINARY) == Decision(PASS)
    assert decide(at_most, math.nextafter(9.5, 10), 0.5, GUARDED).verdict is FAIL
    assert decide(at_most, 10.5, 0.5, NON_BINARY) == Decision(FAIL, marginal=True)
    assert decide(at_most, math.nextafter(10.5, 11), 0.5, NON_BINARY) == Decision(FAIL)


def test_guard_bands_that_meet_leave_nothing_to_pass_and_nothing_fails_for_it() -> None:
    by = Rule("guarded", 1.0)
    assert decide(BOTH, 5.0, 0.25, by) == Decision(PASS)
    assert decide(BOTH, 5.0, 0.26, by) == Decision(None, why=NO_ROOM)
    assert decide(BOTH, 3.0, 0.26, by) == Decision(FAIL)  # clear of it all the same


def test_what_a_limit_needs_decides_whether_it_is_decided() -> None:
    needs = limit(min=150.0, uncertainty=15.0)
    assert decide(needs, 160.0, 15.0, BY_SIMPLE) == Decision(PASS, marginal=True)
    assert decide(needs, 160.0, 22.0, BY_SIMPLE) == Decision(None, why=TOO_LARGE)
    assert decide(needs, 300.0, 40.0, BY_SIMPLE) == Decision(PASS)
    assert decide(needs, 2.0, 22.0, BY_SIMPLE) == Decision(FAIL)
    assert decide(needs, 300.0, None, BY_SIMPLE) == Decision(None, why=UNKNOWN)


def test_a_limit_that_needs_no_uncertainty_is_decided_without_one_by_the_simple_rule_alone() -> (
    None
):
    assert decide(BOTH, 5.0, None, BY_SIMPLE) == Decision(PASS)
    assert decide(BOTH, 5.0, None, GUARDED) == Decision(None, why=UNKNOWN)
    assert decide(BOTH, 5.0, None, NON_BINARY) == Decision(None, why=UNKNOWN)


@pytest.mark.parametrize("by", [BY_SIMPLE, GUARDED, NON_BINARY])
def test_counts_and_answers_are_exact(by: Rule) -> None:
    assert decide(limit(max=2), 2, None, by) == Decision(PASS)
    assert decide(limit(max=2, uncertainty=0.1), 3, None, by) == Decision(FAIL)
    assert decide(limit(equals=True), True, None, by) == Decision(PASS)
    with pytest.raises(TypeError):
        decide(limit(max=2), "2", None, by)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("simple", BY_SIMPLE),
        ("guarded", GUARDED),
        ("guarded 0.83", Rule("guarded", 0.83)),
        ("non-binary 1.5", Rule("non-binary", 1.5)),
    ],
)
def test_a_rule_is_written_and_read(text: str, right: Rule) -> None:
    assert Rule.parse(text) == right
    assert Rule.parse(str(right)) == right


@pytest.mark.parametrize("text", ["", "loose", "simple 1", "guarded 0", "guarded -1", "guarded x"])
def test_a_rule_that_there_is_not_is_refused(text: str) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Rule.parse(text)


def test_each_of_the_rules_is_known() -> None:
    assert Rule.parse(SIMPLE).false_accept_percent == 50.0


# What uncertainty may do to a verdict


@st.composite
def judged(draw: st.DrawFn) -> Limit:
    low, high = sorted((draw(figures), draw(figures)))
    needs = draw(st.none() | st.floats(0.001, 1e3))
    more = {} if needs is None else {"uncertainty": needs}
    sides = {"min": low, "max": high}
    sides.pop(draw(st.sampled_from(["min", "max", "neither"])), None)
    return limit(**sides, **more)


@given(judged(), figures, uncertainties, uncertainties, rules)
def test_with_growing_uncertainty_no_value_passes_that_did_not_pass_before(
    one: Limit, value: float, a: float, b: float, by: Rule
) -> None:
    small, large = sorted((a, b))
    if decide(one, value, large, by).verdict is PASS:
        assert decide(one, value, small, by).verdict is PASS
    if decide(one, value, None, by).verdict is PASS:
        assert decide(one, value, small, by).verdict is PASS or by != BY_SIMPLE


@given(judged(), figures, uncertainties, uncertainties, st.sampled_from([0.83, 1.0, 1.5]))
def test_with_growing_uncertainty_none_fails_non_binary_that_did_not_fail_before(
    one: Limit, value: float, a: float, b: float, r: float
) -> None:
    small, large = sorted((a, b))
    by = Rule("non-binary", r)
    if decide(one, value, large, by).verdict is FAIL:
        assert decide(one, value, small, by).verdict is FAIL


@given(judged(), figures, uncertainties, rules)
def test_the_non_binary_rule_fails_only_what_is_outside(
    one: Limit, value: float, expanded: float, by: Rule
) -> None:
    decided = decide(one, value, expanded, by)
    if by.name != "guarded" and decided.verdict is not None:
        assert decided.verdict is one.judge(value)
    if decided.verdict is PASS:
        assert one.judge(value) is PASS


@given(judged(), figures, uncertainties, rules)
def test_what_is_not_marginal_is_beyond_doubt(
    one: Limit, value: float, expanded: float, by: Rule
) -> None:
    """Moved by w, or by U with the simple rule, towards the limit, it is judged the same."""
    decided = decide(one, value, expanded, by)
    assume(decided.verdict is not None and not decided.marginal)
    band = by.r * expanded or expanded
    for moved in (value - 0.999 * band, value + 0.999 * band):
        assert one.judge(moved) is decided.verdict or one.judge(value) is not decided.verdict
